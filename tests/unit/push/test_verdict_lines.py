"""A verdict in words."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from dagwarden.lint.finding import Finding, Severity
from dagwarden.names import EnvironmentName, PushId, ReleaseNumber
from dagwarden.policy.verdict import Outcome, Principal, Verdict
from dagwarden.push.verdict_lines import verdict_lines


def lines(is_coloured: bool = False, **said: Any) -> list[str]:
    verdict = Verdict(
        push_id=PushId("ab" * 32),
        environment=EnvironmentName("prod"),
        principal=Principal(name="ci@x"),
        decided_at=dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        **{"outcome": Outcome.ALLOWED, "head": ReleaseNumber(11), "files_changed": 3, **said},
    )
    return list(verdict_lines(verdict, is_coloured=is_coloured))


WARNING = Finding(
    rule="start-date-moves", code="DW105", severity=Severity.WARNING, path="dags/b.py", line=4, message="It moves"
)
ERROR = Finding(
    rule="hard-coded-secret",
    code="DW104",
    severity=Severity.ERROR,
    path="dags/a.py",
    line=12,
    message="A secret\nin the source \x1b[31m",
    hint="Move it to a connection",
    clause="policy.yaml:14",
)


def test_an_allowed_push_names_its_release_and_how_to_see_it_arrive() -> None:
    assert lines(release=ReleaseNumber(12)) == [
        "release 12 (3 files changed)",
        "see it arrive: dagwarden wait 12 -e prod",
    ]
    assert lines(release=ReleaseNumber(12), files_changed=1)[0] == "release 12 (1 file changed)"


def test_a_denied_push_shows_its_findings_in_order_and_what_stays_live() -> None:
    assert lines(outcome=Outcome.DENIED, findings=(WARNING, ERROR)) == [
        "dags/a.py:12: error [hard-coded-secret DW104] A secret in the source [31m (policy.yaml:14)",
        "  hint: Move it to a connection",
        "dags/b.py:4: warning [start-date-moves DW105] It moves",
        "denied: 1 error, 1 warning; release 11 stays live",
    ]


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"dry_run": True}, "dry run: would be allowed on top of release 11 (3 files changed)"),
        ({"files_changed": 0}, "nothing to release: release 11 already is this"),
        ({}, "allowed on top of release 11 (3 files changed)"),
        ({"outcome": Outcome.DENIED, "head": ReleaseNumber(0)}, "denied: no findings; nothing is released yet"),
    ],
)
def test_other_outcomes_say_what_they_are(said: dict[str, Any], line: str) -> None:
    assert lines(**said)[-1] == line


def test_notes_are_counted_as_notes_and_what_is_switched_off_is_counted_apart() -> None:
    note = Finding(rule="latest-image", severity=Severity.INFO, path="dags/a.py", message="Latest")
    assert lines(outcome=Outcome.DENIED, findings=(ERROR, note, note), switched_off=2)[-2:] == [
        "not told: 2 findings of rules that the policy switches off",
        "denied: 1 error, 2 notes; release 11 stays live",
    ]


def test_colours_are_for_terminals() -> None:
    assert "\033" not in "".join(lines(outcome=Outcome.DENIED, findings=(ERROR,)))
    assert "\033[31mdenied" in "".join(lines(True, outcome=Outcome.DENIED, findings=(ERROR,)))


def test_a_finding_of_the_whole_push_has_no_path_before_it() -> None:
    finding = Finding(rule="push-too-large", severity=Severity.ERROR, message="Too large")
    assert lines(outcome=Outcome.DENIED, findings=(finding,))[0] == "error [push-too-large] Too large"


def test_many_notes_do_not_bury_what_matters() -> None:
    notes = [msgspec.structs.replace(WARNING, severity=Severity.INFO, line=line) for line in range(1, 300)]
    said = lines(findings=(*notes, WARNING), release=ReleaseNumber(12))
    assert said[0].startswith("dags/b.py:4: warning")
    assert said[1].startswith("not told here: 299 notes;")
    assert lines(findings=(*notes[:3], WARNING))[:-1] == [*lines(findings=(*notes[:3],))[:3], said[0]]


def test_every_error_is_told_beside_many_warnings() -> None:
    errors = [msgspec.structs.replace(ERROR, line=line, hint="") for line in range(1, 31)]
    warnings = [msgspec.structs.replace(WARNING, line=line) for line in range(1, 300)]
    said = lines(findings=(*errors, *warnings), outcome=Outcome.DENIED)
    assert sum("error [" in line for line in said) == 30
    assert "not told here: 299 warnings" in said[30]
