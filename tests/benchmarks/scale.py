"""How much is measured: everything, or just enough to see that the benchmarks work."""

from __future__ import annotations

import msgspec


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of repetitions."""

    warm_ups: int
    pushes: int
    imported_pushes: int
    counted_pushes: int
    git_pushes: int
    applies: int
    first_starts: int
    cold_starts: int
    concurrent_pushes: int
    most_files: int

    def files(self, wanted: int) -> int:
        """How many files stand for `wanted`."""
        return min(wanted, self.most_files)


FULL = Scale(
    warm_ups=10,
    pushes=100,
    imported_pushes=50,
    counted_pushes=9,
    git_pushes=20,
    applies=30,
    first_starts=3,
    cold_starts=9,
    concurrent_pushes=15,
    most_files=10_000,
)

QUICK = Scale(
    warm_ups=2,
    pushes=4,
    imported_pushes=3,
    counted_pushes=3,
    git_pushes=2,
    applies=3,
    first_starts=1,
    cold_starts=2,
    concurrent_pushes=2,
    most_files=500,
)
"""Its figures mean nothing and are not kept."""
