"""Rows: judged, merged, kept."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.benchmarks.results import Row, decode_rows, encode_rows, load_rows, make_row, merge, write_whole


def test_an_aim_is_an_upper_bound() -> None:
    assert make_row("b", "m", 250.0, "ms", aim=250.0).met is True
    assert make_row("b", "m", 251.0, "ms", aim=250.0).met is False
    assert make_row("b", "m", 251.0, "ms").met is None


def test_a_ratio_is_of_the_figures_shown() -> None:
    row = make_row("b", "m", 1.00004, "s", rival=3.00012)
    assert (row.value, row.rival, row.ratio) == (1.0, 3.0, 0.3333)


def test_a_rival_that_needs_nothing_has_no_ratio() -> None:
    assert make_row("b", "m", 1.0, "", rival=0.0).ratio is None


def test_a_partial_run_replaces_its_own_rows_alone() -> None:
    standing = [make_row("a", "old", 1.0, "s"), make_row("b", "kept", 2.0, "s"), make_row("a", "gone", 3.0, "s")]
    rows = merge(standing, [make_row("a", "new", 4.0, "s")], ["a", "b"])
    assert [(row.benchmark, row.metric) for row in rows] == [("a", "new"), ("b", "kept")]


def test_benchmarks_stand_in_the_order_they_are_told() -> None:
    rows = merge([make_row("z", "m", 1.0, "")], [make_row("b", "m", 1.0, ""), make_row("a", "m", 1.0, "")], ["b", "a"])
    assert [row.benchmark for row in rows] == ["b", "a", "z"]


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    rows = [
        make_row("a", "m", 1.5, "s", aim=1.0, rival=2.0, note="n"),
        Row(benchmark="machine", metric="os", value="x"),
    ]
    write_whole(tmp_path / "results.json", encode_rows(rows))
    assert load_rows(tmp_path / "results.json") == rows
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.json"]


def test_every_row_has_the_fields_that_readers_of_the_file_count_on() -> None:
    (row,) = msgspec.json.decode(encode_rows([make_row("a", "m", 1.5, "s", aim=1.0, rival=2.0)]))
    assert {"benchmark", "metric", "value", "unit", "aim", "met", "rival", "ratio"} <= row.keys()


def test_a_file_of_something_else_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_rows(b'[{"benchmark": "a"}]')


def test_nothing_stands_before_the_first_run(tmp_path: Path) -> None:
    assert load_rows(tmp_path / "results.json") == []
