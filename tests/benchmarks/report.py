"""Renders the rows as results.md: a pure function of results.json, so that no figure is ever typed in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from tests.benchmarks.results import Row

MACHINE = "machine"
"""The benchmark whose rows are facts about where the others were measured."""

INTRODUCTION = """\
# Measured

Written by `make bench` from `results.json`; do not edit. Every figure was measured on the machine described below, on
the local cloud, through Google's own client libraries and the real functions under functions-framework, with four
agents as processes of their own. All of it shares the machine's cores, and the local cloud answers in a few
milliseconds where Google's services take tens: the figures show what Dagwarden itself adds and how that grows, not what
a project in a region will see. Aims are upper bounds.
"""

ABOUT: dict[str, str] = {
    MACHINE: "",
    "push-to-visible": (
        "From the moment a pusher begins to pack until the slowest of the four instances shows the release. One file is"
        " changed in each push; the next push begins once everybody has the release and has tidied up. Stages are those"
        " of the slowest instance of each push: *upload* ends when Cloud Storage has the object, *event* when the gate"
        " knows what it was sent, *gate* when the release lies in the ledger, *notice* when notify has published,"
        " *delivery* when the agent has the notice, *apply* when the symlink has flipped. Each stage has its own"
        " median, so they do not add up to the whole exactly. The gate decides by text alone, but in the rows *imported"
        " first*: there it also waits until the file has been imported in the sandbox.\n\n"
        "For comparison, by their own documentation: git-sync looks for a new commit every 10 s (`--period`), and"
        " Airflow's DAG processor refreshes a bundle every 300 s (`[dag_processor] refresh_interval`). Neither looks at"
        " what it fetches."
    ),
    "api-calls": (
        "Calls of Google's APIs that one push of one file causes, as the local cloud counts them: by the pusher, by the"
        " functions (the mirror's writes to the environment's bucket among them) and by the agents; the"
        " median push. Cost is at list price, no free tier deducted, without compute time."
    ),
    "agent": (
        "One agent alone, its time without the start of the interpreter, beside Airflow's `GCSDagBundle` on the same"
        " files from the same storage. *Requests* are what the local cloud counted in Cloud Storage, *bytes* what came"
        " out of the sockets."
    ),
    "cold-start": (
        "Fresh interpreters, in pairs with a bare function under functions-framework that makes the same clients of"
        " Google's and does nothing. *Import* is what functions-framework does before it listens; *ready* adds the"
        " making of the clients, which Dagwarden leaves to the first event."
    ),
    "throughput": "Eight sources push at once, each one file after the other, without a pause.",
    "decide": (
        "Seconds of CPU, on one core, from the facts of a push to its verdict: one DAG of 20 tasks in each file, 10"
        " conditions on the push, 10 on each DAG, 30 on each task, all of them met. The rival is the same engine"
        " (cel-expr-python), asked each condition of each task with all values bound."
    ),
    "lint": (
        "`dagwarden lint dags` as a whole, from its start to its report: the full catalogue, ruff and the import graph"
        " included. The files are example DAGs and system tests of Airflow and its providers, in releases of six"
        " years, each distinct one once. Time on one core is processor time of all"
        " processes while pinned to it. The ast-grep CLI has our YAML rules and nothing else to do; semgrep has the one"
        " rule on Airflow of its registry and four of ours in its words; pylint has its own checks and those of"
        " pylint-airflow, which was last released in 2019. The two are timed on a sample.\n\n"
        "Of the two milliseconds CPython compiling the file takes 0.4, ruff 0.2, choosing the rules that may match 0.3,"
        " tree-sitter parsing the four files in ten that some rule may match 0.3, and matching 0.4, half of it the"
        " library compiling each rule anew for each file: it offers no other way, the CLI does it once. Starting takes"
        " 0.15; finding, reading and locating the rest. The CLI neither compiles the files nor asks ruff: without these"
        " two, lint would take less than it. What files import takes 0.05 here, where hardly one imports from its own"
        " tree; about half a millisecond for each that does."
    ),
    "validate": (
        "Imports in the sandbox, every layer of it raised, to the findings and the model, by a warm parent that has"
        " seen the files before. *One file* is the time of a call with one file; *all at once* of a call with all of"
        " them, as many children at a time as there are cores. The rivals run in fresh processes, their packages'"
        " bytecode compiled, on the same files: Airflow's own `DagBag` in one process, its start included;"
        " `python file.py`, the median of a few; Airflow's command, which imports them too. Google's system tests are"
        " those of one release of its provider, in an environment that has it (`make test-providers`).\n\n"
        "Where an example file's 16 ms of processor go, on two cores: importing it 6.5, half of that the kernel's; the"
        " model 1.7; whether Airflow is what it was 0.7; the walls, the watch and the folders 2.2; the parent's fork"
        " and bookkeeping 1.6; the end of the child 1.4; findings and lines 0.9; the rest is small. Through"
        " all of it run 2,100 pages that a child writes to and the kernel copies, at 1.9 µs each: half of them end as"
        " they began, since Python 3.11 counts references to what it merely uses. Copying them all at once, before"
        " they are written to, would spare a fifth of that; copying large pages whole costs more. `DagBag` imports 75"
        " files in a process that pays for none of this, in the time that its own start takes."
    ),
}
"""What the figures of each benchmark mean, in the order they are told."""

_HEAD = "| | value | aim | | rival | ratio | |\n| --- | ---: | ---: | --- | ---: | ---: | --- |\n"


def render(rows: Sequence[Row]) -> str:
    """results.md, whole."""
    sections = [_render_section(name, list(group)) for name, group in groupby(rows, key=lambda row: row.benchmark)]
    return "\n".join([INTRODUCTION, *sections])


def format_value(value: float | str, unit: str) -> str:
    """A figure with its unit, thousands set apart.

    >>> format_value(12345.0, "B"), format_value(0.25, "s"), format_value("x86_64", "")
    ('12,345 B', '0.25 s', 'x86_64')
    >>> format_value(1.5, "x"), format_value(0.034, "USD")
    ('x1.5', '$0.034')
    """
    if isinstance(value, str):
        return value
    number = f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:,.10g}"
    match unit:
        case "x":
            return f"x{number}"
        case "USD":
            return f"${number}"
        case _:
            return f"{number} {unit}".rstrip()


def _render_section(name: str, rows: list[Row]) -> str:
    days = sorted({row.measured_on for row in rows if row.measured_on})
    parts = [f"## {name}\n", ABOUT.get(name, "")]
    if name == MACHINE:
        parts.append("\n".join(f"- {row.metric}: {format_value(row.value, row.unit)}" for row in rows))
    else:
        parts.append(_HEAD + "\n".join(_render_row(row) for row in rows))
    if days:
        parts.append(f"Measured on {', '.join(days)}.")
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _render_row(row: Row) -> str:
    aim = "" if row.aim is None else f"≤ {format_value(row.aim, row.unit)}"
    met = {None: "", True: "met", False: "**missed**"}[row.met]
    rival = "" if row.rival is None else format_value(row.rival, row.unit)
    ratio = "" if row.ratio is None else f"x{row.ratio:g}"
    return f"| {row.metric} | {format_value(row.value, row.unit)} | {aim} | {met} | {rival} | {ratio} | {row.note} |"
