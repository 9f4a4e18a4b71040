"""A baseline lets old findings through, and nothing else."""

from __future__ import annotations

import pytest
from tests.unit.lint.linting import ALLOWED, IMPORT, READ, SECRET, lint_sources

from dagwarden.errors import InvalidInput
from dagwarden.lint.baseline import Baseline, Comparison, compare, encode_baseline, make_baseline, read_baseline
from dagwarden.lint.located import Located


def found(source: str) -> list[tuple[str, Located]]:
    return [(each.finding.path, each) for each in lint_sources({"dags/a.py": source})]


def rules(located: tuple[Located, ...]) -> list[str]:
    return [each.finding.rule for each in located]


def held(old: str, new: str, judged: tuple[str, ...] = ("dags/a.py",)) -> Comparison:
    return compare(make_baseline(found(old)), found(new), judged)


def test_what_was_there_is_let_through_wherever_it_moved() -> None:
    compared = held(IMPORT + READ, f"import os\n{IMPORT}\n\nY = os.sep\n{READ}")
    assert (compared.new, compared.gone) == ((), ())
    assert rules(compared.known) == ["variable-get-at-import"]


def test_what_is_new_counts() -> None:
    assert rules(held(IMPORT + READ, IMPORT + READ + SECRET).new) == ["hard-coded-secret"]


def test_each_entry_lets_one_finding_through() -> None:
    compared = held(IMPORT + READ, IMPORT + READ * 3)
    assert (len(compared.known), len(compared.new)) == (1, 2)


def test_the_same_line_in_another_file_counts() -> None:
    old = make_baseline(found(IMPORT + READ))
    new = [("dags/b.py", each) for _, each in found(IMPORT + READ)]
    assert len(compare(old, new, {"dags/b.py"}).new) == 1


def test_entries_that_nothing_matches_are_told_of_files_that_were_judged() -> None:
    compared = held(IMPORT + READ, IMPORT)
    assert [entry.rule for entry in compared.gone] == ["variable-get-at-import"]
    assert held(IMPORT + READ, IMPORT, judged=()).gone == ()


def test_what_the_code_allows_needs_no_entry() -> None:
    baseline = make_baseline(found(ALLOWED))
    assert baseline.findings == ()
    assert rules(compare(baseline, found(ALLOWED), ["dags/a.py"]).new) == ["suppressed"]


def test_a_baseline_reads_as_it_was_written_one_entry_a_line() -> None:
    baseline = make_baseline(found(IMPORT + READ + SECRET))
    content = encode_baseline(baseline)
    assert read_baseline(content, name="b.json") == baseline
    assert len(content.splitlines()) == len(baseline.findings) + 2
    assert b"battery" not in content
    assert read_baseline(encode_baseline(Baseline()), name="b.json") == Baseline()


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"\xff", b'{"apiVersion":"dagwarden/v2"}', b'{"findings":[{"path":"a","rule":"b"}]}', b'{"extra":1}'],
)
def test_what_is_no_baseline_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="--write-baseline"):
        read_baseline(content, name="b.json")
