"""As whom, and with what, the tasks of a push run, held against what the teams of its files may use."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.page import find
from dagwarden.policy.allowances import ACCOUNTS, EXECUTOR, POOL, QUEUE, UNSAID, Allowances, Refusal
from dagwarden.policy.facts import PushFacts
from dagwarden.policy.globs import match_name
from dagwarden.policy.identity_pages import IDENTITIES_UNKNOWN, KEY_NOT_ALLOWED, POD_IDENTITY_NOT_ALLOWED
from dagwarden.policy.mentions import Mention
from dagwarden.policy.model import Policy
from dagwarden.policy.teams import Ruling
from dagwarden.validate.model import DagModel, FactKind, FileModel, IdentityFact, Known, TaskModel
from dagwarden.validate.rules.identities import (
    BODY_WITHOUT_SERVICE_ACCOUNT,
    DEFAULT_CONNECTION,
    ENVIRONMENT_IDENTITY,
    GRANTING,
    GRANTS_ACCESS,
    IDENTITY_UNREADABLE,
    POD_WITHOUT_SERVICE_ACCOUNT,
)
from dagwarden.validate.rules.rule import name_some

MAX_TOLD = 50
"""Findings of one rule on one file; one more says how many there are beyond."""

HARMLESS_CUTS = frozenset({"groups", "assets", "dependencies", "tags", "template_fields", "params", "permissions"})
"""What may be left out of a model without leaving out as whom a task runs."""

_HOW = {
    Known.LITERAL: "given",
    Known.DEFAULT_ARGS: "from default_args",
    Known.MAPPED: "mapped",
    Known.DEFAULT: "the operator's default",
    Known.ABSENT: "not given",
    Known.TEMPLATED: "a template",
    Known.UNREADABLE: "an object",
}
_SIDES = ("source_", "destination_")

Told = tuple[int, str, Refusal]
"""Line, what it is about, and why it may not be."""


def check_identities(policy: Policy, facts: PushFacts) -> Iterator[Finding]:
    """Every identity that a changed file names, or leaves to others, and that its teams may not use.

    Nothing where the policy has neither `teams` nor `identities`.
    """
    if not judges_identities(policy):
        return
    own = facts.environment.service_accounts if facts.environment is not None else ()
    files = {file.path: file for file in facts.files}
    mentions = itertools.groupby(sorted(facts.mentions, key=lambda each: each.path), key=lambda each: each.path)
    named = {path: list(group) for path, group in mentions}
    unread = _find_unread(policy, facts)
    for path in sorted({*files, *named, *unread}):
        allowances = Allowances(policy, path, own)
        told = [*_check_file(allowances, files.get(path)), *_check_text(allowances, files, named.get(path, []))]
        if path in unread:
            why = "as whom its tasks run, nobody can say"
            told.append((0, "nobody has read its DAGs", allowances.rule(IDENTITIES_UNKNOWN, why, "unresolvable")))
        yield from _tell(path, told)


def _find_unread(policy: Policy, facts: PushFacts) -> frozenset[str]:
    """What may define DAGs that nobody has read. Plugins define none; a rollback may put what was judged once."""
    if facts.manifest.rollback_to is not None and policy.validate.rollbacks == "skipped":
        return frozenset()
    return frozenset(path for path in facts.unread if not path.startswith("plugins/"))


def judges_identities(policy: Policy) -> bool:
    """Whether the policy says anything of identities."""
    return bool(policy.teams) or ("identities",) in policy.document.lines


def _tell(path: str, told: Iterable[Told]) -> Iterator[Finding]:
    """Findings, of each rule the first ones and how many more; the gravest come first."""
    order = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
    by_rule: dict[str, list[Told]] = {}
    for each in told:
        by_rule.setdefault(each[2].page.rule, []).append(each)
    for of_rule in by_rule.values():
        of_rule.sort(key=lambda each: order[each[2].severity])
        for line, about, refusal in of_rule[:MAX_TOLD]:
            yield _find(path, line, f"{about}: {refusal.why}", refusal)
        if rest := of_rule[MAX_TOLD:]:
            yield _find(path, 0, f"and {len(rest)} more of these in this file", rest[0][2])


def _find(path: str, line: int, message: str, refusal: Refusal) -> Finding:
    finding = find(refusal.page, message, path=path, line=line, clause=refusal.clause)
    return msgspec.structs.replace(finding, severity=refusal.severity)


def _check_file(allowances: Allowances, file: FileModel | None) -> Iterator[Told]:
    if file is None:
        return
    unknown = [f"{cut.kept} of {cut.of} {cut.what}" for cut in file.cuts if cut.what not in HARMLESS_CUTS]
    if unknown:
        yield 0, f"only {name_some(unknown)} were read", _unknown(allowances, "what was not read cannot be judged")
    for names, why in ((file.patched, "its code was replaced"), (file.impostors, "it may pass for a DAG")):
        if names:
            yield 0, name_some(names), _unknown(allowances, why)
    for dag in file.dags:
        if hidden := [name for name in dag.unreadable if name in {"dag_id", "task_dict"} or _is_lie(name)]:
            yield dag.line, f"{name_some(hidden)} of `{dag.dag_id}`", _unknown(allowances, "it cannot be read")
        for task in dag.tasks:
            yield from _check_task(allowances, dag, task)


def _check_task(allowances: Allowances, dag: DagModel, task: TaskModel) -> Iterator[Told]:
    who = f"`{dag.dag_id}.{task.task_id}`"
    for check in _TASK_CHECKS:
        for about, refusal in check(allowances, task):
            yield task.line, f"{who}: {about}", refusal
    if lies := [name for name in task.unreadable if _is_lie(name)]:
        yield task.line, f"{who}: {name_some(lies)}", _unknown(allowances, "it may show other attributes than it has")
    elif task.unreadable:
        refusal = allowances.rule(IDENTITY_UNREADABLE, "only code of the file could tell", "unresolvable")
        yield task.line, f"{who}: {name_some(task.unreadable)}", refusal


Said = Iterator[tuple[str, Refusal]]


def _check_facts(allowances: Allowances, task: TaskModel) -> Said:
    """What is named, or decided at run time; the environment's own connection and what is absent aside."""
    for fact in task.facts:
        if fact.known is not Known.ABSENT and not _is_environments(fact):
            for refusal in allowances.judge(fact):
                yield _describe(fact), refusal


def _check_absent(allowances: Allowances, task: TaskModel) -> Said:
    """What nobody names, and Kubernetes or the service therefore chooses."""
    for fact in task.facts:
        if fact.known is Known.ABSENT:
            for refusal in _judge_absent(allowances, task, fact):
                yield _describe(fact), refusal


def _judge_absent(allowances: Allowances, task: TaskModel, fact: IdentityFact) -> Iterator[Refusal]:
    if fact.kind is FactKind.SERVICE_ACCOUNT:
        why, clause = "the project's or service's default account runs it", allowances.policy.clause("teams")
        yield Refusal(page=BODY_WITHOUT_SERVICE_ACCOUNT, why=why, clause=clause)
    elif fact.kind is FactKind.PUBLIC_ADDRESS:
        yield from allowances.judge(fact)
    elif fact.kind in {FactKind.KUBERNETES_SERVICE_ACCOUNT, FactKind.NAMESPACE}:
        others = [each for each in task.facts if each.kind in {fact.kind, FactKind.POD_TEMPLATE}]
        if all(each.known is Known.ABSENT or each.argument == fact.argument for each in others):
            is_account = fact.kind is FactKind.KUBERNETES_SERVICE_ACCOUNT
            page = POD_WITHOUT_SERVICE_ACCOUNT if is_account else POD_IDENTITY_NOT_ALLOWED
            for refusal in allowances.check_lists(fact.kind, UNSAID, page):
                yield msgspec.structs.replace(refusal, why=f"the pod gets `{UNSAID}`, and {refusal.why}")
    elif fact.kind is FactKind.ENCRYPTION_KEY and allowances.lists_some(fact.kind):
        clause = allowances.policy.clause("teams", allowances.teams[0][0], "may_use", "encryption_keys")
        yield Refusal(page=KEY_NOT_ALLOWED, why="the team's keys are to be used", clause=clause)


def _check_own(allowances: Allowances, task: TaskModel) -> Said:
    """Google operators whose connection is the environment's, and that impersonate nobody through it."""
    chains = [fact for fact in task.facts if fact.kind is FactKind.IMPERSONATION]
    connections = [fact for fact in task.facts if fact.kind is FactKind.CONNECTION]
    if allowances.policy.identities.environments_own is Ruling.ALLOW:
        return
    for fact in connections:
        is_own = _is_environments(fact) or (fact.known is Known.ABSENT and bool(chains))
        if is_own and not _is_impersonated(fact, chains):
            why = "it acts as the environment's own service account"
            yield _describe(fact), allowances.rule(ENVIRONMENT_IDENTITY, why, "environments_own")
    if chains and not connections and all(fact.known is Known.ABSENT for fact in chains):
        why = "it acts as the environment's own service account"
        yield _describe(chains[0]), allowances.rule(ENVIRONMENT_IDENTITY, why, "environments_own")


def _is_environments(fact: IdentityFact) -> bool:
    return fact.kind is FactKind.CONNECTION and fact.value == DEFAULT_CONNECTION


def _is_impersonated(connection: IdentityFact, chains: Sequence[IdentityFact]) -> bool:
    """Whether somebody is impersonated through a connection: by the chain of its side, where transfers have two, and
    by all that a mapped task has for it."""
    side = _side(connection)
    own = [chain for chain in chains if _side(chain) == side] or [chain for chain in chains if not _side(chain)]
    known: dict[str, bool] = {}
    for chain in own:
        argument = chain.argument.partition("[")[0]
        known[argument] = known.get(argument, True) and chain.known is not Known.ABSENT
    return any(known.values())


def _side(fact: IdentityFact) -> str:
    return next((side for side in _SIDES if fact.argument.startswith(side)), "")


def _check_place(allowances: Allowances, task: TaskModel) -> Said:
    for kind, value in ((POOL, task.pool), (QUEUE, task.queue), (EXECUTOR, task.executor)):
        if value is not None:
            for refusal in allowances.judge_value(kind, value):
                yield f"`{kind}` is `{value}`", refusal


def _check_grants(allowances: Allowances, task: TaskModel) -> Said:
    if found := [name for name in GRANTING if task.is_a(name)]:
        yield f"it is a {found[0]}", allowances.rule(GRANTS_ACCESS, "it changes who has access", "grants")


_TASK_CHECKS: tuple[Callable[[Allowances, TaskModel], Said], ...] = (
    _check_facts,
    _check_absent,
    _check_own,
    _check_place,
    _check_grants,
)


def _check_text(allowances: Allowances, files: dict[str, FileModel], mentions: list[Mention]) -> Iterator[Told]:
    """What functions name and no argument does. What the tasks of the same file were given is judged with them."""
    if not mentions:
        return
    own = files.get(mentions[0].path)
    given = _facts_of([own] if own is not None else files.values())
    told = {(fact.kind, fact.value) for fact in given} if own is not None else set()
    accounts = {fact.value for fact in given if fact.kind in ACCOUNTS}
    for mention in mentions:
        fact = mention.fact
        is_told = (fact.kind, fact.value) in told or _is_environments(fact)
        if own is not None and fact.kind is FactKind.MENTION:
            is_told |= fact.value in accounts
        if is_told or _is_made_at_import(mention, own, accounts):
            continue
        for refusal in allowances.judge(fact):
            yield mention.line, f"the text names `{fact.value}`", refusal


def _is_made_at_import(mention: Mention, own: FileModel | None, accounts: Iterable[str]) -> bool:
    """Whether a text that is put together is what a task was given: so it may be, where it is made at import."""
    if mention.fact.known is not Known.UNREADABLE or (own is not None and mention.is_deferred):
        return False
    return any(match_name(account, [mention.fact.value]) for account in accounts)


def _facts_of(files: Iterable[FileModel]) -> list[IdentityFact]:
    return [fact for file in files for dag in file.dags for task in dag.tasks for fact in task.facts]


def _describe(fact: IdentityFact) -> str:
    value = f" is `{fact.value}`" if fact.value else ""
    return f"`{fact.argument}`{value} ({_HOW[fact.known]})"


def _unknown(allowances: Allowances, why: str) -> Refusal:
    return Refusal(page=IDENTITIES_UNKNOWN, why=why, clause=allowances.policy.clause("teams"))


def _is_lie(name: str) -> bool:
    return name.rpartition(".")[2].startswith("__")
