"""Condenses many measurements into the few figures that are told."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of all values do not exceed (nearest rank): always one that was measured.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 50)
    2.0
    >>> percentile([5.0], 99)
    5.0

    Raises:
        ValueError: there are no values, or `percent` is not within 0 … 100.
    """
    if not values or not 0 <= percent <= 100:
        raise ValueError(f"no {percent:g}th percentile of {len(values)} values")
    rank = max(1, math.ceil(len(values) * percent / 100))
    return sorted(values)[rank - 1]


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two in the middle.

    Raises:
        ValueError: there are no values.
    """
    return statistics.median(values)


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of ours / theirs over runs made in pairs: what slows both of a pair drops out.

    >>> median_ratio([2.0, 30.0], [1.0, 10.0])
    2.5

    Raises:
        ValueError: there is no pair, or a run has no partner.
    """
    return median([mine / yours for mine, yours in zip(ours, theirs, strict=True)])
