"""Comments allow what imports find as they allow what lint finds, and never what cannot then be known."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.lint import lint_file
from dagwarden.lint.suppress import allow
from dagwarden.policy.rules import index_rules
from dagwarden.validate.allowed import allow_in_code, owner_of
from dagwarden.validate.import_rules import IMPORT_RULES, find
from dagwarden.validate.rules.table import drop_told
from dagwarden.validate.rules.told import NEVER_ALLOWED, TOLD_BY_IMPORTS

A = "dags/a.py"
NETWORK = "network-at-import"


def judge(root: Path, text: str, *findings: Finding) -> list[tuple[str, int]]:
    (root / "dags").mkdir(exist_ok=True)
    (root / A).write_text(text)
    return [(finding.rule, finding.line) for finding in allow_in_code(root, findings)]


@pytest.mark.parametrize(
    "text",
    [
        f"x = 1\ny = 2  # dagwarden: allow {NETWORK} -- why\n",
        f"# dagwarden: allow {NETWORK} -- why\ny = 2\n",
    ],
)
def test_a_comment_with_a_reason_allows_the_finding_on_its_line(tmp_path: Path, text: str) -> None:
    assert judge(tmp_path, text, find(NETWORK, A, line=2)) == [("suppressed", 2)]


@pytest.mark.parametrize(
    "text",
    [
        f"x = 1  # dagwarden: allow {NETWORK} -- another line\ny = 2\n",
        f"x = 1\ny = 2  # dagwarden: allow {NETWORK}\n",
        "x = 1\ny = 2  # dagwarden: allow slow-import -- another rule\n",
        f"x = 1\ny = '# dagwarden: allow {NETWORK} -- no comment'\n",
        f"x = 1\ny = (  # dagwarden: allow {NETWORK} -- does not compile\n",
        "x = 1\ny = 2\n",
    ],
)
def test_nothing_else_does(tmp_path: Path, text: str) -> None:
    assert judge(tmp_path, text, find(NETWORK, A, line=2)) == [(NETWORK, 2)]


def test_a_comment_before_the_first_code_allows_what_is_found_of_the_whole_file(tmp_path: Path) -> None:
    comment, slow = "# dagwarden: allow slow-import -- once a day\n", find("slow-import", A)
    assert judge(tmp_path, f"#!/usr/bin/env python\n# (c) us\n{comment}\nimport os\n", slow) == [("suppressed", 0)]
    assert judge(tmp_path, f"import os  {comment}", slow) == [("suppressed", 0)]
    assert judge(tmp_path, f"import os\n{comment}x = 1\n", slow) == [("slow-import", 0)]


@pytest.mark.parametrize("rule", sorted(NEVER_ALLOWED))
def test_what_could_not_be_seen_to_the_end_is_never_allowed(tmp_path: Path, rule: str) -> None:
    finding = Finding(rule=rule, severity=Severity.ERROR, path=A, line=1, end_line=1, message="m")
    text = f"x = 1  # dagwarden: allow {rule} -- please\n"
    assert judge(tmp_path, text, finding) == [(rule, 1)]
    [told] = lint_file(A, text.encode(), load_catalogue())
    assert (told.rule, told.message) == ("unused-suppression", f"`{rule}` is nothing that a comment can allow")


def test_no_fixed_rule_and_no_failed_import_can_be_allowed() -> None:
    fixed = {rule for rule, why in index_rules().items() if why and "takes `# dagwarden: allow" not in why}
    failed = {rule.id for rule in IMPORT_RULES if "DW351" <= rule.code <= "DW365"}
    assert fixed & TOLD_BY_IMPORTS <= NEVER_ALLOWED
    assert failed | {"object-lies", "operator-patched", "tasks-unreadable"} <= NEVER_ALLOWED <= TOLD_BY_IMPORTS


@pytest.mark.parametrize("rule", sorted(TOLD_BY_IMPORTS - NEVER_ALLOWED))
def test_lint_says_nothing_of_comments_that_only_an_import_can_judge(rule: str) -> None:
    assert lint_file(A, f"x = 1  # dagwarden: allow {rule} -- why\n".encode(), load_catalogue()) == []


@pytest.mark.parametrize("member", ["first.py", "package/first.py"])
def test_files_within_a_zip_file_allow_as_well(tmp_path: Path, member: str) -> None:
    (tmp_path / "dags").mkdir()
    with zipfile.ZipFile(tmp_path / "dags/x.zip", "w") as archive:
        archive.writestr(member, f"x = 1  # dagwarden: allow {NETWORK} -- why\n")
    path = f"dags/x.zip/{member}"
    assert owner_of(path) == "dags/x.zip"
    [note] = allow_in_code(tmp_path, [find(NETWORK, path, line=1)])
    assert (note.rule, note.path) == ("suppressed", path)
    [finding] = allow_in_code(tmp_path, [find(NETWORK, "dags/x.zip/other.py", line=1)])
    assert finding.rule == NETWORK


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 18, b"no zip at all"])
def test_a_zip_file_that_is_none_allows_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags/x.zip").write_bytes(content)
    [finding] = allow_in_code(tmp_path, [find(NETWORK, "dags/x.zip/a.py", line=1)])
    assert finding.rule == NETWORK


def make(line: int, path: str = A) -> Finding:
    return Finding(rule="catchup-on", severity=Severity.WARNING, path=path, line=line, message="m")


def test_what_lint_found_and_a_comment_allows_is_not_told_again_by_the_import() -> None:
    by_lint = [allow(make(3), "backfills")]
    assert drop_told([make(2)], by_lint) == []
    assert drop_told([allow(make(3), "backfills")], by_lint) == []
    assert len(drop_told([make(2), make(9)], by_lint)) == 2
    assert len(drop_told([make(2, "dags/b.py")], by_lint)) == 1
