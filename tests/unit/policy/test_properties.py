"""What holds of every decision: the same facts, the same verdict; more against a push, never a milder one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.policy.cases import NOW, approve, make_facts, make_finding, make_policy

from dagwarden.lint.finding import Finding, Severity
from dagwarden.names import ReleasePath
from dagwarden.policy.decide import decide
from dagwarden.policy.facts import Approval, PushFacts
from dagwarden.policy.model import Policy
from dagwarden.policy.rules import index_rules
from dagwarden.policy.section import Level
from dagwarden.policy.verdict import Outcome
from dagwarden.validate.model import DagModel, FactKind, FileModel, IdentityFact, Known, TaskModel

MILDNESS = (Outcome.DENIED, Outcome.HELD, Outcome.ALLOWED)
RULES = sorted(rule for rule, fixed in index_rules().items() if not fixed)
FEW = st.sampled_from([*RULES[:4], "latest-image", "syntax-error", "push-in-freeze", "approval-missing"])
PATHS = ["dags/a.py", "dags/team/b.py", "dags/team/c.py"]
PATH = st.sampled_from(["", *PATHS])

FREEZE = "windows:\n  - {name: w, kind: freeze, cron: '0 0 * * 3', duration: 30h, paths: ['dags/team/**']}\n"
APPROVALS = "approvals:\n  - {name: a, paths: ['dags/team/**'], needs: 2, from: ['*@acme.example']}\n"
BY_RULE = "  - {name: r, rules: [latest-image], from: ['*@acme.example']}\n"
GLASS = "break_glass:\n  principals: [ann@acme.example]\n  lifts: [approvals, limits]\n"


def make_waivers(waivers: Sequence[tuple[str, str, int]]) -> str:
    entries = (
        f"  - {{rule: {rule}, paths: ['{path or 'dags/**'}'], justification: because of the test, approver: a, "
        f"expires_on: {NOW.date() + dt.timedelta(days=days)}}}\n"
        for rule, path, days in waivers
    )
    return "".join(["waivers:\n", *entries]) if waivers else ""


def make_levels(default: Level, rules: dict[str, Level], override: Level) -> str:
    listed = "".join(f"    {rule}: {level}\n" for rule, level in rules.items())
    return (
        f"enforcement:\n  default: {default}\n  rules: {'' if listed else '{}'}\n{listed}"
        f"  overrides:\n    - {{paths: ['dags/team/b.py'], default: {override}}}\n"
    )


LEVEL = st.sampled_from(Level)
LEVELS = st.builds(make_levels, LEVEL, st.dictionaries(FEW, LEVEL, max_size=3), LEVEL)
WAIVERS = st.lists(st.tuples(FEW, PATH, st.integers(-3, 3)), max_size=3)
TEAMS = "teams:\n  - {name: t, paths: ['dags/team/**'], may_use: {impersonation: [a@p.iam.gserviceaccount.com]}}\n"
CONDITION = "conditions:\n  - {name: c, on: task, require: 'task.retries > 0', message: give it retries}\n"
PEOPLE = "people:\n  - {name: b, principals: [bob@acme.example, cat@acme.example]}\n"
REST = st.lists(
    st.sampled_from([FREEZE, APPROVALS + BY_RULE, GLASS, TEAMS, CONDITION, PEOPLE]), unique=True, max_size=6
).map("".join)
FINDINGS = st.lists(
    st.builds(make_finding, st.one_of(FEW, st.sampled_from(sorted(index_rules()))), st.sampled_from(Severity), PATH),
    max_size=5,
)
IDENTITIES = st.builds(
    IdentityFact,
    kind=st.sampled_from([FactKind.IMPERSONATION, FactKind.CONNECTION, FactKind.SERVICE_ACCOUNT]),
    argument=st.just("a"),
    value=st.sampled_from(["", "a@p.iam.gserviceaccount.com", "b@p.iam.gserviceaccount.com"]),
    known=st.sampled_from(Known),
)


def make_file(path: str, facts: list[IdentityFact], retries: int | None) -> FileModel:
    task = TaskModel(task_id="t", line=1, operator="a.b.C", facts=tuple(facts), retries=retries)
    return FileModel(path=path, dags=(DagModel(dag_id="d", tasks=(task,)),))


FILES = st.lists(
    st.builds(make_file, st.sampled_from(PATHS), st.lists(IDENTITIES, max_size=3), st.sampled_from([None, 0, 2])),
    unique_by=lambda file: file.path,
    max_size=2,
)


def make_whole(files: list[FileModel], **said: object) -> PushFacts:
    return msgspec.structs.replace(make_facts(**said), files=tuple(files))  # type: ignore[arg-type]


FACTS = st.builds(
    make_whole,
    files=FILES,
    who=st.sampled_from(["ann@acme.example", "eve@evil.example"]),
    paths=st.lists(st.sampled_from(PATHS), unique=True, max_size=3),
    findings=FINDINGS,
    now=st.integers(-100, 100).map(lambda hours: NOW + dt.timedelta(hours=hours)),
    break_glass=st.sampled_from(["", "payroll stands still"]),
)
APPROVERS = st.lists(st.sampled_from(["ann@acme.example", "bob@acme.example", "cat@acme.example"]), max_size=3)


def approved(policy: Policy, facts: PushFacts, who: Sequence[str]) -> PushFacts:
    given: tuple[Approval, ...] = tuple(approve(policy, facts, each, facts.now) for each in who)
    return msgspec.structs.replace(facts, approvals=given, offered_at=facts.now)


def is_milder(one: Outcome, other: Outcome) -> bool:
    return MILDNESS.index(one) > MILDNESS.index(other)


@given(LEVELS, WAIVERS, REST, FACTS, APPROVERS)
def test_the_same_facts_in_any_order_get_the_same_decision(
    levels: str, waivers: list[tuple[str, str, int]], rest: str, facts: PushFacts, who: list[str]
) -> None:
    policy = make_policy(levels + make_waivers(waivers) + rest)
    facts = approved(policy, facts, who)
    turned = {field: getattr(facts, field)[::-1] for field in ("findings", "changes", "approvals", "files")}
    once, again = decide(policy, facts), decide(policy, msgspec.structs.replace(facts, **turned))
    assert (once.outcome, once.facts_digest) == (again.outcome, again.facts_digest)
    assert sorted(once.findings, key=repr) == sorted(again.findings, key=repr)


@given(LEVELS, WAIVERS, REST, FACTS, FINDINGS, APPROVERS)
def test_more_findings_never_make_a_decision_milder(  # noqa: PLR0917 (hypothesis passes by place)
    levels: str, waivers: list[tuple[str, str, int]], rest: str, facts: PushFacts, more: list[Finding], who: list[str]
) -> None:
    policy = make_policy(levels + make_waivers(waivers) + rest)
    facts = approved(policy, facts, who)
    worse = msgspec.structs.replace(facts, findings=(*facts.findings, *more))
    assert not is_milder(decide(policy, worse).outcome, decide(policy, facts).outcome)


@given(LEVELS, WAIVERS, REST, FACTS, st.integers(0, 2))
def test_taking_a_waiver_away_never_makes_a_decision_milder(
    levels: str, waivers: list[tuple[str, str, int]], rest: str, facts: PushFacts, gone: int
) -> None:
    fewer = [waiver for index, waiver in enumerate(waivers) if index != gone]
    before, after = (make_policy(levels + make_waivers(each) + rest) for each in (waivers, fewer))
    assert not is_milder(decide(after, facts).outcome, decide(before, facts).outcome)


@given(LEVELS, REST, FACTS, APPROVERS)
def test_fewer_approvals_never_make_a_decision_milder(levels: str, rest: str, facts: PushFacts, who: list[str]) -> None:
    policy = make_policy(levels + rest)
    few, many = approved(policy, facts, who[:1]), approved(policy, facts, who)
    assert not is_milder(decide(policy, few).outcome, decide(policy, many).outcome)


@given(WAIVERS, REST, FACTS)
def test_what_is_not_known_of_a_task_never_makes_a_decision_milder(
    waivers: list[tuple[str, str, int]], rest: str, facts: PushFacts
) -> None:
    policy = make_policy(make_waivers(waivers) + rest)
    unknown = msgspec.structs.replace(facts, files=tuple(map(forget, facts.files)))
    assert not is_milder(decide(policy, unknown).outcome, decide(policy, facts).outcome)


def forget(file: FileModel) -> FileModel:
    """The same file, of whose tasks nobody can read anything."""
    [dag] = file.dags
    tasks = [
        msgspec.structs.replace(
            task,
            facts=tuple(msgspec.structs.replace(fact, value="", known=Known.UNREADABLE) for fact in task.facts),
            retries=None,
            unreadable=("retries",),
        )
        for task in dag.tasks
    ]
    return msgspec.structs.replace(file, dags=(msgspec.structs.replace(dag, tasks=tuple(tasks)),))


@given(LEVELS, WAIVERS, REST, FACTS)
def test_what_nobody_signed_is_denied_whatever_the_policy_says(
    levels: str, waivers: list[tuple[str, str, int]], rest: str, facts: PushFacts
) -> None:
    unsigned = msgspec.structs.replace(facts, principal=msgspec.structs.replace(facts.principal, attested_by=""))
    assert decide(make_policy(levels + make_waivers(waivers) + rest), unsigned).outcome is Outcome.DENIED


@given(FACTS)
def test_a_file_that_nobody_read_is_never_judged_milder_than_one_with_the_tag(facts: PushFacts) -> None:
    policy = make_policy("approvals:\n  - {name: pii, tags: [pii], from: [dpo@acme.example]}\n")
    unread = msgspec.structs.replace(facts, unread=tuple(ReleasePath(change.path) for change in facts.changes))
    assert not is_milder(decide(policy, unread).outcome, decide(policy, facts).outcome)
    if facts.changes:
        assert decide(policy, unread).outcome is not Outcome.ALLOWED
