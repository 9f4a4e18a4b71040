"""Benchmark `lint`: the verb on real DAG files, beside the ast-grep CLI with the same rules, pylint and semgrep."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from dagwarden.lint.catalogue import load_catalogue
from tests.benchmarks.agents import RIVAL_VENV, install_rival
from tests.benchmarks.figures import median, median_ratio
from tests.benchmarks.lint_files import Laid, lay_out
from tests.benchmarks.processes import Cost, run_timed
from tests.benchmarks.results import Row, make_row
from tests.benchmarks.scale import Scale

LINT = "lint"
FILES = 2_000
ROUNDS = 3
SEMGREP_FILES, PYLINT_FILES = 100, 16
CORE_AIM_MS, AST_GREP_AIM, RIVAL_AIM, MEMORY_AIM_MB = 2.0, 1.0, 0.05, 200.0

BIN = Path(sys.executable).parent
RIVAL_BIN = RIVAL_VENV / "bin"
SEMGREP_RULES = Path(__file__).with_name("lint_semgrep.yml")


def measure(folder: Path, scale: Scale) -> list[Row]:
    """All rows."""
    install_rival()
    laid = lay_out(folder / "dags", scale.files(FILES))
    core, cores = [min(os.sched_getaffinity(0))], sorted(os.sched_getaffinity(0))
    run = functools.partial(run_timed, folder=folder, environ=_keep_bytecode(folder))
    run(_write_rules(), cores=cores)
    _drop_silent_rules(folder)
    ours, theirs = [], []
    for _ in range(min(ROUNDS, scale.applies)):
        ours.append(run(_dagwarden(1), cores=core))
        theirs.append(run(_ast_grep(), cores=core))
    spread = [run(_dagwarden(len(cores)), cores=cores) for _ in ours]
    peak = run(_dagwarden(len(cores)), cores=cores, watches_memory=True).peak_bytes
    samples = _list_evenly(folder, SEMGREP_FILES), _list_evenly(folder, PYLINT_FILES)
    for rival in (_semgrep(), _pylint()):
        run([*rival, samples[1][0]], cores=cores, ends_with=31)
    semgrep = run([*_semgrep(), *samples[0]], cores=core)
    pylint = run([*_pylint(), *samples[1]], cores=core, ends_with=31)
    return [
        *_tell_core(ours, theirs, laid),
        _tell_rival("semgrep", ours, semgrep, laid.count, len(samples[0])),
        _tell_rival("pylint with pylint-airflow", ours, pylint, laid.count, len(samples[1])),
        make_row(
            LINT,
            f"{len(cores)} cores, a file",
            _per_file([each.wall_s for each in spread], laid.count),
            "ms",
            note="wall clock",
        ),
        make_row(LINT, f"peak memory on {len(cores)} cores", peak / 1e6, "MB", aim=MEMORY_AIM_MB, note="all processes"),
    ]


def _tell_core(ours: Sequence[Cost], theirs: Sequence[Cost], laid: Laid) -> list[Row]:
    mine, yours = [each.cpu_s for each in ours], [each.cpu_s for each in theirs]
    return [
        make_row(
            LINT,
            "one core, a file",
            _per_file(mine, laid.count),
            "ms",
            aim=CORE_AIM_MS,
            rival=_per_file(yours, laid.count),
            note=f"{laid.count:,} files, {laid.size_bytes / laid.count / 1000:.1f} kB each; the rival: ast-grep CLI",
        ),
        make_row(
            LINT,
            "time beside the ast-grep CLI",
            median_ratio(mine, yours),
            "x",
            aim=AST_GREP_AIM,
            note=f"median of {len(mine)} pairs",
        ),
    ]


def _tell_rival(name: str, ours: Sequence[Cost], theirs: Cost, count: int, sample: int) -> Row:
    mine, yours = median([each.cpu_s for each in ours]) / count, theirs.cpu_s / sample
    return make_row(
        LINT, f"time beside {name}", mine / yours, "x", aim=RIVAL_AIM,
        note=f"{1000 * yours:,.0f} ms a file, on {sample} of the files, its start included",
    )  # fmt: skip


def _per_file(seconds: Sequence[float], count: int) -> float:
    return 1000 * median(seconds) / count


def _keep_bytecode(folder: Path) -> dict[str, str]:
    """An environment in which Python compiles what it imports in the first, untimed run only, as it does for users."""
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


def _drop_silent_rules(folder: Path) -> None:
    """ast-grep has the same rules: those that speak without being asked for."""
    silent = {f"{rule.page.rule}.yml" for rule in load_catalogue().patterns if rule.page.opt_in}
    for file in (folder / ".dagwarden").rglob("*.yml"):
        if file.name in silent:
            file.unlink()


def _write_rules() -> list[str]:
    return [str(BIN / "dagwarden"), "lint", "--write-sgconfig"]


def _dagwarden(jobs: int) -> list[str]:
    return [
        str(BIN / "dagwarden"), "lint", "dags", "--jobs", str(jobs), "--format", "json", "--output", "report.json",
    ]  # fmt: skip


def _ast_grep() -> list[str]:
    return [str(BIN / "ast-grep"), "scan", "--threads", "1", "--json=stream", "dags"]


def _semgrep() -> list[str]:
    return [
        str(RIVAL_BIN / "semgrep"), "scan", "--config", str(SEMGREP_RULES), "--metrics=off", "--quiet", "--json",
        "--disable-version-check", "--no-git-ignore", "--jobs", "1",
    ]  # fmt: skip


def _pylint() -> list[str]:
    return [str(RIVAL_BIN / "python"), "-m", "pylint", "--jobs=1", "--load-plugins=pylint_airflow"]


def _list_evenly(folder: Path, most: int) -> list[str]:
    """So many of the files, from all over the folder."""
    files = sorted(str(file.relative_to(folder)) for file in (folder / "dags").rglob("*.py"))
    return files[:: max(1, len(files) // most)][:most]
