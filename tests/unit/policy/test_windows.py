"""Windows open and shut by the clocks of their zone, and bind whom they say."""

from __future__ import annotations

import datetime as dt

import pytest
from tests.unit.policy.cases import make_facts, make_policy

from dagwarden.errors import InvalidInput
from dagwarden.lint.finding import Severity
from dagwarden.policy.decide import decide
from dagwarden.policy.verdict import Outcome
from dagwarden.policy.windows import Window, WindowKind, find_end, find_start

FREEZE = """windows:
  - name: weekend
    kind: freeze
    cron: 0 18 * * 5
    duration: 62h
    time_zone: Europe/Berlin
    paths: ["dags/finance/**"]
    may_pass: [oncall@acme.example]
"""
ALLOW = """windows:
  - name: mornings
    kind: allow
    cron: 0 9 * * 1-5
    duration: 3h
    paths: ["dags/finance/**"]
  - name: evenings
    kind: allow
    cron: 0 18 * * 1-5
    duration: 1h
    paths: ["dags/finance/**"]
"""
FRIDAY = dt.datetime(2026, 3, 6, tzinfo=dt.UTC)


def at(day: dt.datetime, hour: int, minute: int = 0) -> dt.datetime:
    return day + dt.timedelta(hours=hour, minutes=minute)


def window(cron: str, duration: str, zone: str = "Europe/Berlin") -> Window:
    return Window(name="w", kind=WindowKind.FREEZE, cron=cron, duration=duration, time_zone=zone)


@pytest.mark.parametrize(
    ("when", "outcome"),
    [
        (at(FRIDAY, 16, 59), Outcome.ALLOWED),
        (at(FRIDAY, 17), Outcome.DENIED),  # 18:00 in Berlin
        (at(FRIDAY, 24 * 2), Outcome.DENIED),
        (at(FRIDAY, 17 + 61, 59), Outcome.DENIED),
        (at(FRIDAY, 17 + 62), Outcome.ALLOWED),
    ],
)
def test_a_freeze_holds_from_its_start_up_to_its_end(when: dt.datetime, outcome: Outcome) -> None:
    facts = make_facts(paths=["dags/finance/a.py", "dags/other.py"], now=when)
    decision = decide(make_policy(FREEZE), facts)
    assert decision.outcome is outcome
    told = [(finding.path, finding.rule, finding.clause) for finding in decision.findings]
    assert told == [("dags/finance/a.py", "push-in-freeze", "policy.yaml:9")] * (outcome is Outcome.DENIED)


def test_a_freeze_says_when_it_ends() -> None:
    decision = decide(make_policy(FREEZE), make_facts(paths=["dags/finance/a.py"], now=at(FRIDAY, 18)))
    assert decision.findings[0].message == "`weekend` is a freeze until 2026-03-09 08:00 Europe/Berlin"


def test_a_freeze_binds_rollbacks_too_and_not_those_who_may_pass() -> None:
    frozen, policy = at(FRIDAY, 20), make_policy(FREEZE)
    paths = ["dags/finance/a.py"]
    assert decide(policy, make_facts(paths=paths, now=frozen, rollback_to=1)).outcome is Outcome.DENIED
    assert decide(policy, make_facts(paths=paths, now=frozen, who="oncall@acme.example")).outcome is Outcome.ALLOWED
    pushes_only = make_policy(FREEZE + "    applies_to: [push]\n")
    assert decide(pushes_only, make_facts(paths=paths, now=frozen, rollback_to=1)).outcome is Outcome.ALLOWED


@pytest.mark.parametrize(("hour", "allowed"), [(8, False), (9, True), (11, True), (12, False), (18, True), (19, False)])
def test_one_open_window_of_several_is_enough(hour: int, *, allowed: bool) -> None:
    decision = decide(make_policy(ALLOW), make_facts(paths=["dags/finance/a.py"], now=at(FRIDAY, hour)))
    assert (decision.outcome is Outcome.ALLOWED) == allowed
    assert [finding.rule for finding in decision.findings] == ["push-outside-window"] * (not allowed)


def test_paths_that_no_window_covers_are_always_open() -> None:
    assert decide(make_policy(ALLOW), make_facts(now=at(FRIDAY, 3))).outcome is Outcome.ALLOWED


def test_a_start_in_the_skipped_hour_comes_an_hour_later() -> None:
    nightly = window("30 2 * * *", "30m")
    change = dt.datetime(2026, 3, 29, 1, 0, tzinfo=dt.UTC)  # 02:00 in Berlin becomes 03:00
    assert find_end(nightly, change + dt.timedelta(minutes=29)) is None
    assert find_end(nightly, change + dt.timedelta(minutes=30)) == change + dt.timedelta(hours=1)
    assert find_end(nightly, change + dt.timedelta(hours=1)) is None


def test_a_start_in_the_repeated_hour_counts_once() -> None:
    nightly = window("30 2 * * *", "30m")
    first = dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC)  # 02:30 summer time
    assert find_end(nightly, first) == first + dt.timedelta(minutes=30)
    assert find_end(nightly, first + dt.timedelta(hours=1)) is None
    assert find_start(nightly, first) == first + dt.timedelta(days=1, hours=1)


def test_a_duration_is_of_real_hours_across_a_change_of_clocks() -> None:
    day = window("0 0 * * *", "23h")
    start = dt.datetime(2026, 3, 28, 23, 0, tzinfo=dt.UTC)
    assert find_end(day, start + dt.timedelta(hours=22, minutes=59)) == start + dt.timedelta(hours=23)


def test_a_window_of_every_minute_is_always_open() -> None:
    assert find_end(window("* * * * *", "1m", "UTC"), FRIDAY) == FRIDAY + dt.timedelta(minutes=1)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "Europe/Berlin",
            "Europe/Berln",
            "policy.yaml:13: `Europe/Berln` is no time zone; did you mean `Europe/Berlin`?",
        ),
        ("0 18 * * 5", "0 18 * * 9", "policy.yaml:11: `0 18 * * 9` is no cron expression"),
        ("0 18 * * 5", "0 18 * *", "policy.yaml:11: `0 18 * *` needs five parts"),
        ("0 18 * * 5", "0 0 30 2 *", "policy.yaml:11: `0 0 30 2 *` never comes"),
        ("62h", "62 hours", "policy.yaml:12: `windows[0].duration` must be a text like `90m` or `36h` or `3d`"),
        ("freeze", "frezze", "did you mean `freeze`?"),
        ("dags/finance", "/dags/finance", "policy.yaml:14: `/dags/finance/**` starts with `/`"),
    ],
)
def test_what_is_wrong_with_a_window_is_told_by_its_line(old: str, new: str, fault: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make_policy(FREEZE.replace(old, new))
    assert fault in caught.value.message


def test_a_freeze_can_be_introduced_as_a_warning() -> None:
    policy = make_policy(FREEZE + "enforcement:\n  rules:\n    push-in-freeze: warn\n")
    decision = decide(policy, make_facts(paths=["dags/finance/a.py"], now=at(FRIDAY, 20)))
    assert decision.outcome is Outcome.ALLOWED
    assert [finding.severity for finding in decision.findings] == [Severity.WARNING]
