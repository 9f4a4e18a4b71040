"""What needs no bucket: content types, parallel work."""

from __future__ import annotations

import threading

import pytest

from dagwarden.sync.environment_bucket import guess_type, in_parallel


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("dags/a.py", "text/x-python"),
        ("dags/a.yaml", "application/yaml"),
        ("dags/q.sql", "application/sql"),
        ("dags/data.json", "application/json"),
        ("dags/.airflowignore", "application/octet-stream"),
        ("dags/no_suffix", "application/octet-stream"),
        ("dags/data.csv.gz", "application/gzip"),
        ("dags.d/x", "application/octet-stream"),
    ],
)
def test_the_content_type_follows_the_name(path: str, expected: str) -> None:
    assert guess_type(path) == expected


def test_results_come_in_order() -> None:
    assert in_parallel(lambda number: number * 2, list(range(100))) == list(range(0, 200, 2))


def test_an_error_is_raised_when_nothing_is_under_way_any_more() -> None:
    under_way, lock = [0], threading.Lock()

    def work(number: int) -> None:
        with lock:
            under_way[0] += 1
        try:
            if number == 3:
                raise ValueError(number)
        finally:
            with lock:
                under_way[0] -= 1

    with pytest.raises(ValueError, match="3"):
        in_parallel(work, list(range(50)))
    assert under_way == [0]
