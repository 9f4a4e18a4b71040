"""Levels per path and team, dated waivers, emergencies: what makes a finding count less, and what never does."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest
from tests.unit.policy.cases import NOW, make_facts, make_finding, make_policy

from dagwarden.errors import InvalidInput
from dagwarden.lint.finding import Severity
from dagwarden.names import ReleasePath
from dagwarden.policy.decide import decide
from dagwarden.policy.verdict import Outcome, count_findings
from dagwarden.policy.waivers import advise_waivers
from dagwarden.validate.model import DagModel, FactKind, FileModel, IdentityFact, Known, TaskModel

OVERRIDES = """enforcement:
  rules:
    latest-image: warn
  overrides:
    - paths: ["dags/team/strict/**"]
      rules:
        latest-image: enforce
    - team: legacy
      default: audit
teams:
  - name: legacy
    paths: ["dags/team/**"]
identities:
  default: allow
  environments_own: allow
  unresolvable: allow
"""


@pytest.mark.parametrize(
    ("rule", "path", "severity", "clause"),
    [
        ("latest-image", "dags/team/strict/a.py", Severity.ERROR, "policy.yaml:14"),
        ("syntax-error", "dags/team/strict/a.py", Severity.INFO, "policy.yaml:16"),
        ("latest-image", "dags/team/a.py", Severity.INFO, "policy.yaml:16"),
        ("latest-image", "dags/other.py", Severity.WARNING, "policy.yaml:10"),
        ("syntax-error", "dags/other.py", Severity.ERROR, ""),
        ("syntax-error", "", Severity.ERROR, ""),
    ],
)
def test_the_first_override_that_speaks_of_the_rule_wins(rule: str, path: str, severity: Severity, clause: str) -> None:
    finding = make_finding(rule, Severity.ERROR, path)
    (told,) = decide(make_policy(OVERRIDES), make_facts(findings=[finding])).findings
    assert (told.severity, told.clause) == (severity, clause)


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("    - default: warn\n", "policy.yaml:10: an override names either `paths` or a `team`"),
        ('    - paths: ["dags/**"]\n', "policy.yaml:10: an override says `default`, `rules` or both"),
        ("    - team: nobody\n      default: warn\n", "policy.yaml:10: `nobody` is no team"),
        ('    - paths: ["dags/**"]\n      rules: {digest-mismatch: warn}\n', "`digest-mismatch` cannot be turned down"),
        ('    - paths: ["dags/**"]\n      rules: {latest-imag: warn}\n', "did you mean `latest-image`?"),
    ],
)
def test_an_override_that_says_nothing_or_too_much_is_refused(entry: str, fault: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make_policy(f"enforcement:\n  overrides:\n{entry}")
    assert fault in caught.value.message


WAIVER = """waivers:
  - rule: syntax-error
    paths: ["dags/team/**"]
    justification: rewritten until summer
    approver: sec@acme.example
    expires_on: 2026-03-04
"""


def test_a_waiver_holds_through_its_last_day_and_is_counted() -> None:
    facts = make_facts(findings=[make_finding("syntax-error")])
    decision = decide(make_policy(WAIVER), facts)
    assert decision.outcome is Outcome.ALLOWED
    (told,) = decision.findings
    assert (told.severity, told.waived) == (Severity.INFO, "policy.yaml:9")
    assert count_findings(decision.findings) == "1 waived"


def test_an_expired_waiver_has_no_effect_and_is_told() -> None:
    tomorrow = dt.datetime(2026, 3, 5, tzinfo=dt.UTC)
    policy = make_policy(WAIVER)
    decision = decide(policy, make_facts(findings=[make_finding("syntax-error")], now=tomorrow))
    assert decision.outcome is Outcome.DENIED
    assert decision.findings[0].message == "found (the waiver of policy.yaml:9 ran out on 2026-03-04)"
    assert list(advise_waivers(policy, tomorrow)) == [
        "policy.yaml:9: the waiver of `syntax-error` ran out on 2026-03-04"
    ]


def test_a_waiver_is_of_one_rule_and_some_files() -> None:
    for finding in (make_finding("latest-image"), make_finding("syntax-error", path="dags/other.py")):
        assert decide(make_policy(WAIVER), make_facts(findings=[finding])).outcome is Outcome.DENIED


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("syntax-error", "digest-mismatch", "policy.yaml:9: `digest-mismatch` cannot be waived"),
        ("syntax-error", "sintax-error", "did you mean `syntax-error`?"),
        ("2026-03-04", "2026-02-30", "policy.yaml:13: `waivers[0].expires_on` must be a date like `2026-12-31`"),
        ("2026-03-04", "soon", "must be a date"),
        ("rewritten until summer", '""', "`waivers[0].justification` must be a text"),
        ("    approver: sec@acme.example\n", "", "`waivers[0].approver` is missing"),
    ],
)
def test_a_waiver_without_reason_approver_or_day_is_refused(old: str, new: str, fault: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make_policy(WAIVER.replace(old, new))
    assert fault in caught.value.message


EMERGENCY = """windows:
  - name: freeze
    kind: freeze
    cron: 0 0 * * *
    duration: 24h
approvals:
  - name: all
    from: [bob@acme.example]
break_glass:
  principals: [oncall@acme.example]
"""
REASON = "payroll stands still"


def test_an_emergency_lifts_freezes_and_approvals_loudly() -> None:
    policy = make_policy(EMERGENCY)
    assert decide(policy, make_facts(who="oncall@acme.example")).outcome is Outcome.DENIED
    decision = decide(policy, make_facts(who="oncall@acme.example", break_glass=REASON))
    assert decision.outcome is Outcome.ALLOWED
    assert [(finding.rule, finding.severity) for finding in decision.findings] == [
        ("approval-missing", Severity.WARNING),
        ("push-in-freeze", Severity.WARNING),
    ]
    assert all(finding.message.endswith("(lifted: emergency)") for finding in decision.findings)


@pytest.mark.parametrize(
    ("who", "reason", "paths"),
    [
        ("ann@acme.example", REASON, ["dags/a.py"]),
        ("oncall@acme.example", "  because ", ["dags/a.py"]),
    ],
)
def test_an_emergency_of_somebody_else_or_without_a_reason_is_denied(who: str, reason: str, paths: list[str]) -> None:
    decision = decide(make_policy(EMERGENCY), make_facts(who=who, break_glass=reason, paths=paths))
    assert decision.outcome is Outcome.DENIED
    assert "emergency-not-allowed" in {finding.rule for finding in decision.findings}


def test_an_emergency_lifts_nothing_but_what_the_policy_says() -> None:
    policy = make_policy(EMERGENCY)
    for rule, path in (("syntax-error", "dags/a.py"), ("digest-mismatch", "dags/a.py"), ("pusher-unknown", "")):
        finding = make_finding(rule, path=path)
        facts = make_facts(who="oncall@acme.example", break_glass=REASON, findings=[finding])
        assert decide(policy, facts).outcome is Outcome.DENIED, rule
    narrow = make_policy(EMERGENCY + "  lifts: [approvals]\n")
    assert decide(narrow, make_facts(who="oncall@acme.example", break_glass=REASON)).outcome is Outcome.DENIED


def test_a_window_that_applies_to_emergencies_is_not_lifted() -> None:
    policy = make_policy(EMERGENCY.replace("duration: 24h\n", "duration: 24h\n    applies_to: [push, break_glass]\n"))
    decision = decide(policy, make_facts(who="oncall@acme.example", break_glass=REASON))
    assert decision.outcome is Outcome.DENIED
    assert "emergency-in-freeze" in {finding.rule for finding in decision.findings}


def test_imports_that_take_too_long_are_refused() -> None:
    policy = make_policy("limits:\n  max_import_s: 2\n")
    for took_s, outcome in ((2.0, Outcome.ALLOWED), (2.1, Outcome.DENIED)):
        facts = msgspec.structs.replace(make_facts(now=NOW), import_seconds={ReleasePath("dags/team/a.py"): took_s})
        assert decide(policy, facts).outcome is outcome


TEMPLATED = IdentityFact(kind=FactKind.IMPERSONATION, argument="impersonation_chain", known=Known.TEMPLATED)
TEAM = "teams:\n  - {name: team, paths: ['dags/team/**'], may_use: {impersonation: [a@p.iam.gserviceaccount.com]}}\n"


def test_what_policy_says_of_a_line_is_not_said_again_by_what_imports_found_there() -> None:
    task = TaskModel(task_id="load", line=7, operator="a.b.Load", facts=(TEMPLATED,))
    file = FileModel(path="dags/team/a.py", dags=(DagModel(dag_id="etl", tasks=(task,)),))
    by_import = msgspec.structs.replace(make_finding("templated-identity", Severity.INFO, file.path), line=7)
    elsewhere = msgspec.structs.replace(by_import, line=8)
    facts = msgspec.structs.replace(make_facts(findings=[by_import, elsewhere]), files=(file,))
    decision = decide(make_policy(TEAM), facts)
    told = [(each.line, bool(each.clause)) for each in decision.findings if each.rule == "templated-identity"]
    assert (told, decision.outcome, decision.switched_off) == ([(7, True), (8, False)], Outcome.DENIED, 0)
    graver = msgspec.structs.replace(by_import, severity=Severity.ERROR)
    mild = make_policy(TEAM + "identities: {unresolvable: warn}\n")
    both = decide(mild, msgspec.structs.replace(facts, findings=(graver,)))
    assert (len(both.findings), both.outcome) == (2, Outcome.DENIED), "what is graver is never dropped"
