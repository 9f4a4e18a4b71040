"""What is pushed."""

from __future__ import annotations

from tests.benchmarks.cold_start import CLIENTS, NEEDS, make_bare_main
from tests.benchmarks.corpus import TEAM_SIZE, make_files, read_examples


def test_as_many_files_as_asked_for_and_no_two_alike() -> None:
    files = make_files(2 * TEAM_SIZE + 3)
    assert len(files) == 2 * TEAM_SIZE + 3
    assert len(set(files.values())) == len(files)


def test_the_examples_are_python() -> None:
    for name, content in read_examples():
        compile(content, name, "exec", dont_inherit=True)


def test_a_bare_function_makes_the_clients_and_is_python() -> None:
    for name, needs in NEEDS.items():
        text = make_bare_main(name)
        compile(text, "main.py", "exec")
        assert all(CLIENTS[need][1] in text for need in needs)
