"""The gate's verdict on a push that nobody has sent: the same steps, on values that lie here, changing nothing."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from dagwarden.errors import InvalidInput
from dagwarden.events.objects import ObjectEvent, ObjectEventKind
from dagwarden.handlers.judge import changes_python, judge, make_verdict, may_be_imported, weigh
from dagwarden.handlers.offer import Offer, limits_of
from dagwarden.handlers.offer_lint import versions_of
from dagwarden.handlers.validate import make_answer
from dagwarden.ledger.state import LedgerState
from dagwarden.lint.catalogue import Catalogue
from dagwarden.lint.finding import Finding
from dagwarden.lint.graph import build_graph
from dagwarden.lint.lint import lint_files
from dagwarden.names import FOLDERS, ReleaseNumber, ReleasePath, push_object
from dagwarden.policy.environment import Environment
from dagwarden.policy.model import Policy
from dagwarden.policy.verdict import Principal, Verdict
from dagwarden.push.archive import pack, unpack
from dagwarden.push.changes import Offer as Packed
from dagwarden.push.manifest import Delete, PushManifest, push_id
from dagwarden.push.rules import find
from dagwarden.validate.engine import Validator
from dagwarden.validate.report import ValidateSettings
from dagwarden.validate.request import ValidateAnswer
from dagwarden.validate.settings import settings_of
from dagwarden.validate.standing import validate_next
from dagwarden.wire import digest


class Base(msgspec.Struct, frozen=True):
    """What a push is put on top of."""

    state: LedgerState
    files: Mapping[ReleasePath, bytes]
    """Its whole tree."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """All that the gate would know."""

    manifest: PushManifest
    packed: Packed
    base: Base
    principal: Principal
    policy: Policy | None
    """None: the environment has none, and nothing is allowed."""
    environment: Environment | None
    catalogue: Catalogue
    """The rules of lint, with those that the policy brings."""


def decide(question: Question, *, make_validator: Callable[[], Validator] = Validator, now: dt.datetime) -> Verdict:
    """What the gate would say. A validator is made only where something is to be imported.

    Raises:
        Unavailable: it cannot be started.
    """
    offer, policy = _read_offer(question, now), question.policy
    findings = [*offer.findings, *_lint(question, offer)]
    if policy is None:
        findings.append(find("policy-missing"))
    imports = build_graph(dict(question.base.files.items())) if changes_python(offer) else None
    case = weigh(
        offer, policy, findings, question.base.state, None,
        environment=question.environment, imports=imports, now=now,
    )  # fmt: skip
    judgement = judge(case)
    if policy is not None and may_be_imported(offer, policy, judgement):
        with make_validator() as validator:
            judgement = judge(case, validated=_validate(question, offer, policy, validator))
    return make_verdict(offer, policy, judgement, question.base.state.number, now)


def _read_offer(question: Question, now: dt.datetime) -> Offer:
    """The push packed, and read again as a stranger's."""
    manifest, named = question.manifest, push_id(question.manifest)
    content = pack(manifest, question.packed.contents)
    findings = list(question.packed.findings)
    offer = Offer(
        environment=manifest.environment,
        push_id=named,
        manifest=manifest,
        files={},
        principal=question.principal,
        is_raw_drop=False,
        findings=(),
        event=ObjectEvent(
            bucket="check",
            name=push_object(manifest.environment, named),
            generation=0,
            kind=ObjectEventKind.FINALIZED,
            size_bytes=len(content),
            md5="",
            metadata={},
            time=now,
            event_id="",
        ),
    )
    try:
        unpacked = unpack(content, limits_of(question.policy))
    except InvalidInput as error:
        findings.append(find("push-unreadable", message=error.message))
        return msgspec.structs.replace(offer, findings=tuple(findings))
    findings = list(dict.fromkeys([*findings, *unpacked.findings]))
    return msgspec.structs.replace(offer, files=unpacked.files, findings=tuple(findings))


def _lint(question: Question, offer: Offer) -> list[Finding]:
    python, airflow = versions_of(question.environment)
    contents = {path: file.content for path, file in offer.files.items()}
    opted_in = question.policy.enforcement.rules if question.policy else ()
    return lint_files(contents, question.catalogue, python=python, airflow=airflow, opted_in=opted_in)


def _validate(question: Question, offer: Offer, policy: Policy, validator: Validator) -> ValidateAnswer:
    """What importing finds in the tree that the push would make."""
    _, airflow = versions_of(question.environment)
    pushed = [change.path for change in offer.manifest.changes]
    gone = {change.path for change in offer.manifest.changes if isinstance(change, Delete)}
    tree = {path: content for path, content in question.base.files.items() if path not in gone}
    tree |= {path: file.content for path, file in offer.files.items()}
    return import_tree(tree, pushed, settings_of(policy, airflow), validator, question.base.state.number)


def import_tree(
    tree: Mapping[ReleasePath, bytes],
    pushed: Sequence[ReleasePath],
    settings: ValidateSettings,
    validator: Validator,
    base: ReleaseNumber,
) -> ValidateAnswer:
    """What importing finds of the files that a push of these paths onto a release affects, in the tree it makes."""
    with tempfile.TemporaryDirectory(prefix="dagwarden-check-") as folder:
        root = Path(folder).resolve()
        _lay(tree, root)
        table = {path: digest(content) for path, content in tree.items()}
        standing, report = validate_next(validator, None, root, table=table, pushed=pushed, settings=settings)
    return make_answer(standing, report, pushed, base)


def _lay(tree: Mapping[ReleasePath, bytes], root: Path) -> None:
    for folder in FOLDERS:
        (root / folder).mkdir()
    for path, content in tree.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
