"""policy.yaml, read and checked: a policy that loads means what it says."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator

import msgspec

from dagwarden.documents import Document, read_document, refuse, suggest
from dagwarden.policy.globs import explain_glob, match_path
from dagwarden.policy.model import Policy, PolicyFile
from dagwarden.policy.rules import index_rules
from dagwarden.policy.section import Level
from dagwarden.policy.teams import check_teams
from dagwarden.wire import digest
from dagwarden.yaml_nodes import Fault


@functools.lru_cache(maxsize=8)
def load_policy(content: bytes, name: str = "policy.yaml") -> Policy:
    """Read a policy; the same bytes are read once.

    Args:
        name: what messages call the file.

    Raises:
        InvalidInput: it is no policy; every fault is named as `NAME:LINE: what`.
    """
    document = read_document(content, PolicyFile, name=name, check=_check_meaning)
    said = {field: getattr(document.value, field) for field in PolicyFile.__struct_fields__}
    return Policy(**said, digest=digest(content), document=document)


def check_own_rules(policy: Policy, own: Collection[str]) -> None:
    """Every rule the policy names is known: a policy with rules of its own is complete only together with them.

    Args:
        own: ids of the rules in the folder that `lint.rules` names.

    Raises:
        InvalidInput: it names rules that nobody has, each as `NAME:LINE: what`.
    """
    if faults := list(_find_unknown(policy.document, own)):
        raise refuse(policy.document.name, faults)


def advise(policy: Policy) -> list[str]:
    """What is allowed to say and still hardly meant, each as `NAME:LINE: what`."""
    advice = []
    if not policy.pushers and not policy.raw_drops.allowed:
        advice.append(f"{policy.clause('pushers')}: no pusher is named and raw drops are not taken: nobody can push")
    for index, pusher in enumerate(policy.pushers):
        if "*" in pusher.principals:
            said = f"`{pusher.name}` covers anybody who can sign, of any project"
            advice.append(f"{policy.clause('pushers', index, 'principals')}: {said}")
    if policy.enforcement.default is Level.OFF:
        advice.append(
            f"{policy.clause('enforcement', 'default')}: most rules are off, and their findings are not shown"
        )
    return advice


def _check_meaning(document: Document[PolicyFile]) -> list[Fault]:
    return [fault for check in _CHECKS for fault in check(document)]


def _check_rules(document: Document[PolicyFile]) -> Iterator[Fault]:
    known = index_rules()
    for rule, level in document.value.enforcement.rules.items():
        if level is not Level.ENFORCE and known.get(rule):
            line = document.line("enforcement", "rules", rule)
            yield Fault(line, f"`{rule}` cannot be turned down to `{level}`: {known[rule]}")
    if not document.value.lint.rules:
        yield from _find_unknown(document, frozenset())


def _find_unknown(document: Document[PolicyFile], own: Collection[str]) -> Iterator[Fault]:
    """The rules that a policy names and that neither Dagwarden nor the team has."""
    known = [*index_rules(), *own]
    named: list[tuple[str, tuple[str | int, ...]]] = [
        (rule, ("rules", rule)) for rule in document.value.enforcement.rules
    ]
    named += [(rule, ("unsuppressable", index)) for index, rule in enumerate(document.value.enforcement.unsuppressable)]
    for rule, path in named:
        if rule not in known:
            line = document.line("enforcement", *path)
            yield Fault(line, f"`{rule}` is no rule{suggest(rule, known)}; see `dagwarden rules`")


def _check_globs(document: Document[PolicyFile]) -> Iterator[Fault]:
    file = document.value
    globs = [
        *(((("pushers", index, key), getattr(pusher, key))) for index, pusher in enumerate(file.pushers)
          for key in ("paths", "refs")),
        (("raw_drops", "paths"), file.raw_drops.paths),
        *(((("teams", index, "paths"), team.paths)) for index, team in enumerate(file.teams)),
    ]  # fmt: skip
    for path, values in globs:
        for index, glob in enumerate(values):
            if reason := explain_glob(glob):
                yield Fault(document.line(*path, index), f"`{glob}` {reason}")
            elif path[-1] == "paths" and not _may_cover(glob):
                yield Fault(
                    document.line(*path, index), f"`{glob}` covers nothing: paths start with `dags/` or `plugins/`"
                )


def _may_cover(glob: str) -> bool:
    """Whether a path glob can cover anything that a release may hold."""
    first = glob.split("/", 1)[0]
    return first == "**" or any(match_path(folder, [first]) for folder in ("dags", "plugins"))


def _check_names(document: Document[PolicyFile]) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for index, pusher in enumerate(document.value.pushers):
        line = document.line("pushers", index, "name")
        if pusher.name in seen:
            yield Fault(line, f"`{pusher.name}` names two pushers, the first on line {seen[pusher.name]}")
        seen.setdefault(pusher.name, line)
        if not pusher.may:
            yield Fault(document.line("pushers", index, "may"), f"`{pusher.name}` may do nothing; list `push`")


def _check_teams(document: Document[PolicyFile]) -> Iterator[Fault]:
    yield from check_teams(document.value.teams, document.line)


_CHECKS: tuple[Callable[[Document[PolicyFile]], Iterator[Fault]], ...] = (
    _check_rules,
    _check_globs,
    _check_names,
    _check_teams,
)


class PolicySummary(msgspec.Struct, frozen=True, kw_only=True):
    """What `dagwarden policy check` shows of a policy that loads."""

    digest: str
    pushers: int
    levels: dict[str, str]
    raw_drops: bool
    advice: tuple[str, ...]


def summarise(policy: Policy) -> PolicySummary:
    """The policy in a few words."""
    return PolicySummary(
        digest=policy.digest,
        pushers=len(policy.pushers),
        levels={"default": policy.enforcement.default, **policy.enforcement.rules},
        raw_drops=policy.raw_drops.allowed,
        advice=tuple(advise(policy)),
    )
