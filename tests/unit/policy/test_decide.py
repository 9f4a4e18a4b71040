"""The decision is one of its facts alone, and more findings never make it milder."""

from __future__ import annotations

import datetime as dt

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.ledger.release import PutFile
from dagwarden.ledger.state import empty_state
from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.suppress import allow
from dagwarden.names import Digest, EnvironmentName, ReleasePath
from dagwarden.policy.decide import decide
from dagwarden.policy.facts import PushFacts
from dagwarden.policy.load import load_policy
from dagwarden.policy.model import Policy
from dagwarden.policy.rules import index_rules, list_pages
from dagwarden.policy.section import Level
from dagwarden.policy.told import MAX_PATHS_TOLD
from dagwarden.policy.verdict import Outcome, Principal
from dagwarden.push.manifest import PushManifest

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
RULES = sorted(rule for rule, fixed in index_rules().items() if not fixed)


def make_policy(default: Level = Level.ENFORCE, rules: dict[str, Level] | None = None) -> Policy:
    levels = "".join(f"    {rule}: {level}\n" for rule, level in (rules or {}).items())
    text = f"""apiVersion: dagwarden/v1
kind: Policy
enforcement:
  default: {default}
  rules: {"" if levels else "{}"}
{levels}pushers:
  - name: ci
    principals: [ci@acme.example]
    paths: ["dags/team/**"]
"""
    return load_policy(text.encode())


def make_facts(findings: list[Finding], paths: list[str] | None = None) -> PushFacts:
    return PushFacts(
        principal=Principal(name="ci@acme.example", attested_by="jwt"),
        manifest=PushManifest(environment=EnvironmentName("prod"), source="git", created_at=NOW, changes=()),
        is_raw_drop=False,
        state=empty_state(EnvironmentName("prod")),
        changes=tuple(
            PutFile(path=ReleasePath(path), sha256=Digest("0" * 64), md5="", size_bytes=1, mode="0644")
            for path in paths or ["dags/team/a.py"]
        ),
        findings=tuple(findings),
        now=NOW,
    )


def make_finding(rule: str, severity: Severity) -> Finding:
    return Finding(rule=rule, severity=severity, message="found")


def severity_of(rule: str, severity: Severity, policy: Policy) -> Severity | None:
    decision = decide(policy, make_facts([make_finding(rule, severity)]))
    assert decision.switched_off + len(decision.findings) == 1
    return decision.findings[0].severity if decision.findings else None


def test_the_default_level_is_a_ceiling() -> None:
    for severity in Severity:
        assert severity_of("latest-image", severity, make_policy(Level.ENFORCE)) is severity
        assert severity_of("latest-image", severity, make_policy(Level.OFF)) is None
        assert severity_of("latest-image", severity, make_policy(Level.AUDIT)) is Severity.INFO
    assert severity_of("syntax-error", Severity.ERROR, make_policy(Level.WARN)) is Severity.WARNING
    assert severity_of("syntax-error", Severity.INFO, make_policy(Level.WARN)) is Severity.INFO


def test_a_rules_own_level_is_exact_and_wins_over_the_default() -> None:
    wanted = {Level.ENFORCE: Severity.ERROR, Level.WARN: Severity.WARNING, Level.AUDIT: Severity.INFO, Level.OFF: None}
    for default in Level:
        for level, severity in wanted.items():
            policy = make_policy(default, {"latest-image": level})
            assert severity_of("latest-image", Severity.WARNING, policy) is severity


def test_what_changes_a_severity_is_named_by_its_clause() -> None:
    policy = make_policy(Level.AUDIT, {"latest-image": Level.ENFORCE})
    findings = [make_finding("latest-image", Severity.WARNING), make_finding("syntax-error", Severity.ERROR)]
    clauses = {finding.rule: finding.clause for finding in decide(policy, make_facts(findings)).findings}
    assert clauses == {"latest-image": "policy.yaml:6", "syntax-error": "policy.yaml:4"}


def test_fixed_rules_stay_as_they_are_under_every_default() -> None:
    for rule, fixed in index_rules().items():
        if fixed:
            for level in Level:
                assert severity_of(rule, Severity.ERROR, make_policy(level)) is Severity.ERROR


def test_a_rule_nobody_knows_is_held_to_the_default_and_never_dropped_silently() -> None:
    decision = decide(make_policy(), make_facts([make_finding("from-the-future", Severity.ERROR)]))
    assert decision.outcome is Outcome.DENIED


def test_many_refused_paths_are_told_in_part_and_counted() -> None:
    paths = [f"dags/other/{index:04}.py" for index in range(MAX_PATHS_TOLD + 25)]
    findings = decide(make_policy(), make_facts([], paths)).findings
    assert len(findings) == MAX_PATHS_TOLD + 1
    assert findings[0].message == "`ci` may not push 25 more paths"


def test_codes_of_all_rules_are_unique() -> None:
    codes = [page.code for page in list_pages()]
    assert len(set(codes)) == len(codes)
    assert len(index_rules()) == len(codes)


FINDINGS = st.lists(
    st.builds(make_finding, st.sampled_from(sorted(index_rules())), st.sampled_from(Severity)), max_size=6
)
LEVELS = st.dictionaries(st.sampled_from(RULES), st.sampled_from(Level), max_size=3)


@given(st.sampled_from(Level), LEVELS, FINDINGS, FINDINGS)
def test_more_findings_never_turn_denied_into_allowed(
    default: Level, rules: dict[str, Level], findings: list[Finding], more: list[Finding]
) -> None:
    policy = make_policy(default, rules)
    few, many = decide(policy, make_facts(findings)), decide(policy, make_facts(findings + more))
    assert few.outcome is Outcome.ALLOWED or many.outcome is Outcome.DENIED


@given(st.sampled_from(Level), LEVELS, FINDINGS)
def test_every_finding_is_told_or_counted(default: Level, rules: dict[str, Level], findings: list[Finding]) -> None:
    decision = decide(make_policy(default, rules), make_facts(findings))
    assert len(decision.findings) + decision.switched_off == len(findings)
    assert msgspec.json.decode(msgspec.json.encode(decision.findings), type=tuple[Finding, ...]) == decision.findings


def with_unsuppressable(rule: str, level: str = "") -> Policy:
    levels = f"  rules:\n    {rule}: {level}\n" if level else ""
    text = f"""apiVersion: dagwarden/v1
kind: Policy
enforcement:
{levels}  unsuppressable:
    - hard-coded-secret
    - {rule}
pushers:
  - name: ci
    principals: [ci@acme.example]
    paths: ["dags/team/**"]
"""
    return load_policy(text.encode())


def test_what_the_code_allows_counts_where_the_policy_forbids_it() -> None:
    note = allow(make_finding("connection-get-at-import", Severity.ERROR), "we need it")
    assert decide(make_policy(), make_facts([note])).outcome is Outcome.ALLOWED
    decision = decide(with_unsuppressable("connection-get-at-import"), make_facts([note]))
    assert decision.outcome is Outcome.DENIED
    (finding,) = decision.findings
    assert (finding.rule, finding.clause) == ("connection-get-at-import", "policy.yaml:6")
    assert "the policy lets no comment allow it" in finding.message


def test_what_may_not_be_allowed_in_the_code_is_still_rated_by_its_level() -> None:
    note = allow(make_finding("latest-image", Severity.WARNING), "pinned by digest elsewhere")
    assert decide(with_unsuppressable("latest-image"), make_facts([note])).outcome is Outcome.ALLOWED
    assert decide(with_unsuppressable("latest-image", "enforce"), make_facts([note])).outcome is Outcome.DENIED
    assert decide(with_unsuppressable("latest-image", "off"), make_facts([note])).findings == ()
