"""results.md is results.json, rendered."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks import __main__ as command
from tests.benchmarks.report import ABOUT, render
from tests.benchmarks.results import Row, load_rows, make_row

FOLDER = Path(command.__file__).parent


def test_the_committed_report_is_the_committed_figures_rendered() -> None:
    rows = load_rows(FOLDER / "results.json")
    assert rows
    assert (FOLDER / "results.md").read_text(encoding="utf-8") == render(rows)


def test_every_benchmark_that_is_told_is_explained() -> None:
    assert {row.benchmark for row in load_rows(FOLDER / "results.json")} == set(ABOUT)


def test_a_missed_aim_stands_out() -> None:
    text = render([make_row("agent", "slow", 5.0, "s", aim=3.0), make_row("agent", "quick", 1.0, "s", aim=3.0)])
    assert "| slow | 5 s | ≤ 3 s | **missed** |" in text
    assert "| quick | 1 s | ≤ 3 s | met |" in text


def test_a_rival_stands_beside_the_figure() -> None:
    assert "| 2 s |  |  | 8 s | x0.25 |" in render([make_row("agent", "m", 2.0, "s", rival=8.0)])


def test_each_section_says_when_it_was_measured() -> None:
    rows = [Row(benchmark="agent", metric="m", value=1.0, unit="s", measured_on="2026-11-22")]
    assert "Measured on 2026-11-22." in render(rows)
