"""Percentiles, medians and paired ratios."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.benchmarks.figures import median_ratio, percentile

VALUES = st.lists(st.floats(0, 1e6), min_size=1)


@given(values=VALUES, percent=st.floats(0, 100))
def test_a_percentile_is_one_of_the_values_measured(values: list[float], percent: float) -> None:
    assert percentile(values, percent) in values


@given(values=VALUES, percent=st.floats(0.1, 100))
def test_so_many_percent_do_not_exceed_the_percentile(values: list[float], percent: float) -> None:
    found = percentile(values, percent)
    assert 100 * sum(value <= found for value in values) / len(values) >= percent - 1e-9


def test_the_99th_of_100_values_leaves_one_out() -> None:
    assert percentile([float(value) for value in range(100)], 99) == 98.0


@pytest.mark.parametrize(("values", "percent"), [([], 50.0), ([1.0], 101.0), ([1.0], -1.0)])
def test_a_percentile_of_nothing_is_refused(values: list[float], percent: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, percent)


def test_what_slows_both_of_a_pair_drops_out_of_their_ratio() -> None:
    assert median_ratio([1.0, 10.0, 2.0], [2.0, 20.0, 4.0]) == 0.5


def test_a_run_without_its_partner_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        median_ratio([1.0, 2.0], [1.0])
