"""Cases of a policy: pushes in words, and what it must say to each, both ways."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from dagwarden.documents import Document, read_document, suggest
from dagwarden.ledger.release import DeleteFile, FileChange, PutFile
from dagwarden.ledger.state import FileEntry, LedgerState, empty_state
from dagwarden.lint.finding import Severity
from dagwarden.lint.page import Page, find
from dagwarden.names import NO_PARENT, EnvironmentName, ReleaseNumber, ReleasePath
from dagwarden.policy.decide import Decision, decide
from dagwarden.policy.facts import Approval, PushFacts
from dagwarden.policy.model import Policy
from dagwarden.policy.rules import list_pages
from dagwarden.policy.section import Count, Name, Section
from dagwarden.policy.verdict import Outcome, Principal
from dagwarden.push.manifest import PushManifest, push_id
from dagwarden.validate.model import FileModel
from dagwarden.yaml_nodes import Fault

MIDDAY = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)
"""When a case happens that does not say: a Wednesday."""
ENVIRONMENT = EnvironmentName("test")


class CasePush(Section, frozen=True, kw_only=True):
    """Who pushes what."""

    principal: Annotated[str, Meta(description="e-mail of who signed; empty: nobody")] = ""
    source: str = "git"
    ref: str = "refs/heads/main"
    put: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    size_bytes: Annotated[int, Meta(ge=0, description="of each file that is put")] = 1000
    force: bool = False
    rollback_to: Annotated[int, Meta(ge=1)] | None = None
    raw_drop: bool = False
    authors: tuple[str, ...] = ()
    break_glass: str = ""


class Case(Section, frozen=True, kw_only=True):
    """One push and what must become of it."""

    name: Name
    push: CasePush
    at: dt.datetime = MIDDAY
    findings: Annotated[tuple[str, ...], Meta(description="rules that lint finds broken in the first file put")] = ()
    files: Annotated[tuple[FileModel, ...], Meta(description="what the files define, as the validator tells it")] = ()
    released: Annotated[dict[str, Count], Meta(description="source: how many files it has released before")] = (
        msgspec.field(default_factory=dict)
    )
    approved_by: tuple[str, ...] = ()
    expect: Outcome
    rules: Annotated[tuple[str, ...], Meta(description="rules of all findings that deny or hold; no others")] = ()


class CasesFile(Section, frozen=True, kw_only=True):
    """The keys of a file of cases."""

    apiVersion: Literal["dagwarden/v1"]  # noqa: N815 (the key as Kubernetes spells it)
    kind: Literal["PolicyCases"]
    policy: Annotated[str, Meta(min_length=1, description="file name of the policy, beside this file")]
    cases: Annotated[tuple[Case, ...], Meta(min_length=1)]


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of some cases."""

    cases: int
    failures: tuple[str, ...]
    """Each as `NAME:LINE: what`; empty when the policy says what it must."""


def load_cases(content: bytes, name: str = "cases.yaml") -> Document[CasesFile]:
    """Read a file of cases.

    Raises:
        InvalidInput: it is none; every fault is named as `NAME:LINE: what`.
    """
    return read_document(content, CasesFile, name=name, check=_check_rules)


def _check_rules(document: Document[CasesFile]) -> list[Fault]:
    known = [page.rule for page in list_pages()]
    named = (
        (("cases", index, key, place), rule)
        for index, case in enumerate(document.value.cases)
        for key in ("findings", "rules")
        for place, rule in enumerate(getattr(case, key))
    )
    return [
        Fault(document.line(*path), f"`{rule}` is no rule{suggest(rule, known)}")
        for path, rule in named
        if rule not in known
    ]


def try_cases(policy: Policy, document: Document[CasesFile]) -> Tried:
    """Decide on every case; a policy is tried only when some case is let through, another is not, and each of its
    windows, approvals, conditions and waivers has had its say."""
    decided = [decide(policy, make_facts(policy, case)) for case in document.value.cases]
    failures = [
        f"{document.place('cases', index, 'name')}: {case.name}: {reason}"
        for index, (case, decision) in enumerate(zip(document.value.cases, decided, strict=True))
        if (reason := _compare(case, decision))
    ]
    return Tried(cases=len(decided), failures=(*failures, *_find_untried(policy, document, decided)))


def _compare(case: Case, decision: Decision) -> str:
    """How a decision differs from what the case expects; empty when it does not."""
    refused = {finding.rule for finding in decision.findings if finding.severity is Severity.ERROR}
    if decision.outcome is case.expect and refused == set(case.rules):
        return ""
    said = "; ".join(
        f"{finding.rule}: {finding.message} ({finding.clause or 'no clause'})"
        for finding in decision.findings
        if finding.severity is Severity.ERROR
    )
    wanted = f"{case.expect} by {', '.join(sorted(set(case.rules))) or 'no rule'}"
    return f"expected {wanted}; {decision.outcome} by {said or 'no rule'}"


def _find_untried(policy: Policy, document: Document[CasesFile], decided: Sequence[Decision]) -> Iterator[str]:
    outcomes = {decision.outcome for decision in decided}
    if Outcome.ALLOWED not in outcomes or outcomes == {Outcome.ALLOWED}:
        missing = "let through" if Outcome.ALLOWED not in outcomes else "refused"
        yield f"{document.place('cases')}: no case is {missing}: try the policy both ways"
    told = [finding for decision in decided for finding in decision.findings]
    spoken = {clause for finding in told for clause in (*finding.clause.split(", "), finding.waived)}
    for key in ("windows", "approvals", "conditions", "waivers"):
        for index, _ in enumerate(getattr(policy, key)):
            if policy.clause(key, index) not in spoken:
                yield f"{policy.clause(key, index)}: no case meets this entry of `{key}`"


def make_facts(policy: Policy, case: Case) -> PushFacts:
    """The facts of a case, as the gate would find them."""
    push = case.push
    manifest = PushManifest(
        environment=ENVIRONMENT,
        source=push.source,
        ref=push.ref,
        created_at=case.at,
        changes=(),
        authors=push.authors,
        force=push.force,
        rollback_to=None if push.rollback_to is None else ReleaseNumber(push.rollback_to),
        break_glass=push.break_glass,
    )
    return PushFacts(
        principal=_name(push.principal),
        manifest=manifest,
        is_raw_drop=push.raw_drop,
        state=_make_state(case),
        changes=tuple(_list_changes(push)),
        findings=tuple(find(page, page.what, path=push.put[0] if push.put else "") for page in _pages(case.findings)),
        files=case.files,
        unread=_find_unread(case),
        approvals=tuple(
            Approval(principal=_name(who), push_id=push_id(manifest), policy_digest=policy.digest, given_at=case.at)
            for who in case.approved_by
        ),
        break_glass=push.break_glass,
        offered_at=case.at,
        now=case.at,
    )


def _name(email: str) -> Principal:
    return Principal(name=email or "unattested", attested_by="jwt" if email else "")


def _pages(rules: Sequence[str]) -> Iterator[Page]:
    known = {page.rule: page for page in list_pages()}
    yield from (known[rule] for rule in rules)


def _list_changes(push: CasePush) -> Iterator[FileChange]:
    for path in push.put:
        yield PutFile(path=ReleasePath(path), sha256=NO_PARENT, md5="", size_bytes=push.size_bytes, mode="0644")
    yield from (DeleteFile(path=ReleasePath(path)) for path in push.delete)


def _find_unread(case: Case) -> tuple[ReleasePath, ...]:
    """The DAG files of a case that says what some define, and not these."""
    read = {file.path for file in case.files}
    return tuple(ReleasePath(path) for path in case.push.put if read and path.endswith(".py") and path not in read)


def _make_state(case: Case) -> LedgerState:
    """What the sources of a case have released: what the push deletes is the first source's."""
    state = empty_state(ENVIRONMENT)
    owners = [source for source, count in case.released.items() for _ in range(count)]
    paths = [*case.push.delete, *(f"dags/released/{index:05}.py" for index in range(len(owners)))]
    files = {
        ReleasePath(path): FileEntry(
            path=ReleasePath(path), sha256=NO_PARENT, md5="", size_bytes=1, mode="0644",
            release=ReleaseNumber(1), source=source,
        )
        for path, source in zip(paths, owners, strict=False)
    }  # fmt: skip
    return msgspec.structs.replace(state, files=files)
