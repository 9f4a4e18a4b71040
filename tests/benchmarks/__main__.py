"""Runs benchmarks and writes what they measured: `python -m tests.benchmarks [--quick] [NAME …]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tests.benchmarks import agents, cold_start, decide, lint, pushes, throughput, validate
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.report import ABOUT, format_value, render
from tests.benchmarks.results import Row, encode_rows, load_rows, merge, write_whole
from tests.benchmarks.scale import FULL, QUICK, Scale

HERE = Path(__file__).parent
BENCHMARKS: Mapping[str, Callable[[Path, Scale], list[Row]]] = {
    "pushes": pushes.measure,
    "agent": agents.measure,
    "cold-start": cold_start.measure,
    "throughput": throughput.measure,
    "decide": decide.measure,
    "lint": lint.measure,
    "validate": validate.measure,
}
"""Name on the command line -> what measures it, in a folder of its own. `pushes` tells two."""


def main(arguments: Sequence[str]) -> int:
    """Measure, say, keep. A missed aim is told, and is no failure: machines differ."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="see that they work; nothing is kept")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.names) - set(BENCHMARKS):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    for name in asked.names or BENCHMARKS:
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="dagwarden-benchmark-") as folder:
            rows = BENCHMARKS[name](Path(folder), QUICK if asked.quick else FULL)
        print(f"{name}: {time.monotonic() - begun:.0f} s")
        for row in rows:
            print(f"  {row.benchmark:<16} {_say(row)}")
        if not asked.quick:
            _keep(rows)
    return 0


def _say(row: Row) -> str:
    verdict = {None: "", True: "  met", False: "  MISSED"}[row.met]
    rival = "" if row.rival is None else f"  (rival {format_value(row.rival, row.unit)})"
    return f"{row.metric:<64} {format_value(row.value, row.unit):>16}{verdict}{rival}  {row.note}"


def _keep(rows: Sequence[Row]) -> None:
    today = datetime.now(UTC).date().isoformat()
    dated = [msgspec.structs.replace(row, measured_on=today) for row in rows]
    file = HERE / "results.json"
    standing = merge(load_rows(file), [*describe_machine(), *dated], tuple(ABOUT))
    write_whole(file, encode_rows(standing))
    write_whole(HERE / "results.md", render(standing).encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
