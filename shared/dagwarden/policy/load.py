"""policy.yaml, read and checked: a policy that loads means what it says."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Collection, Iterator

import msgspec

from dagwarden.documents import Document, KeyPath, read_document, refuse, suggest
from dagwarden.iam.rules import APPLIABLE, IAM_PAGES
from dagwarden.policy.conditions.check import check_meaning
from dagwarden.policy.globs import explain_glob, match_path
from dagwarden.policy.iam import check_iam
from dagwarden.policy.levels import list_levels
from dagwarden.policy.model import Policy, PolicyFile
from dagwarden.policy.people import check_people
from dagwarden.policy.rules import index_rules
from dagwarden.policy.section import Level
from dagwarden.policy.signers import check_signers
from dagwarden.policy.teams import advise_teams, check_teams
from dagwarden.policy.waivers import advise_waivers
from dagwarden.policy.windows import explain_window
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
    advice += [f"{policy.clause(*path)}: {said}" for path, said in advise_teams(policy.teams)]
    if policy.teams and policy.validate.imports == "skipped":
        said = "`teams` bind what DAG files define, and here nobody imports them: most is unresolvable"
        advice.append(f"{policy.clause('validate', 'imports')}: {said}")
    if policy.enforcement.default is Level.OFF:
        advice.append(
            f"{policy.clause('enforcement', 'default')}: most rules are off, and their findings are not shown"
        )
    return advice


def _check_meaning(document: Document[PolicyFile]) -> list[Fault]:
    return [fault for check in _CHECKS for fault in check(document)]


def _check_rules(document: Document[PolicyFile]) -> Iterator[Fault]:
    known = index_rules()
    for path, rule, level in list_levels(document.value.enforcement):
        if level is not Level.ENFORCE and known.get(rule):
            yield Fault(document.line(*path), f"`{rule}` cannot be turned down to `{level}`: {known[rule]}")
    for index, waiver in enumerate(document.value.waivers):
        if known.get(waiver.rule):
            line = document.line("waivers", index, "rule")
            yield Fault(line, f"`{waiver.rule}` cannot be waived: {known[waiver.rule]}")
    if not document.value.lint.rules:
        yield from _find_unknown(document, frozenset())


def _find_unknown(document: Document[PolicyFile], own: Collection[str]) -> Iterator[Fault]:
    """The rules that a policy names and that neither Dagwarden nor the team has."""
    known = [*index_rules(), *own]
    for path, rule in _list_rules(document.value):
        if rule not in known:
            yield Fault(document.line(*path), f"`{rule}` is no rule{suggest(rule, known)}; see `dagwarden rules`")


def _list_rules(file: PolicyFile) -> Iterator[tuple[KeyPath, str]]:
    """Every rule that a policy names, and where."""
    yield from ((path, rule) for path, rule, _ in list_levels(file.enforcement))
    yield from ((("enforcement", "unsuppressable", i), rule) for i, rule in enumerate(file.enforcement.unsuppressable))
    yield from ((("waivers", i, "rule"), waiver.rule) for i, waiver in enumerate(file.waivers))
    for index, entry in enumerate(file.approvals):
        yield from ((("approvals", index, "rules", place), rule) for place, rule in enumerate(entry.rules))


def _check_globs(document: Document[PolicyFile]) -> Iterator[Fault]:
    for path, globs in _list_globs(document.value):
        for index, glob in enumerate(globs):
            if reason := explain_glob(glob):
                yield Fault(document.line(*path, index), f"`{glob}` {reason}")
            elif path[-1] == "paths" and not _may_cover(glob):
                yield Fault(
                    document.line(*path, index), f"`{glob}` covers nothing: paths start with `dags/` or `plugins/`"
                )


def _list_globs(file: PolicyFile) -> Iterator[tuple[KeyPath, tuple[str, ...]]]:
    """Every list of globs over paths or refs, and where it stands."""
    for index, pusher in enumerate(file.pushers):
        yield ("pushers", index, "refs"), pusher.refs
    for key in ("pushers", "teams", "windows", "approvals", "waivers"):
        yield from (((key, index, "paths"), entry.paths) for index, entry in enumerate(getattr(file, key)))
    for index, override in enumerate(file.enforcement.overrides):
        yield ("enforcement", "overrides", index, "paths"), override.paths
    yield ("raw_drops", "paths"), file.raw_drops.paths
    yield ("break_glass", "paths"), file.break_glass.paths


def _may_cover(glob: str) -> bool:
    """Whether a path glob can cover anything that a release may hold."""
    first = glob.split("/", 1)[0]
    return first == "**" or any(match_path(folder, [first]) for folder in ("dags", "plugins"))


def _check_names(document: Document[PolicyFile]) -> Iterator[Fault]:
    for key in ("pushers", "people", "windows", "approvals"):
        seen: dict[str, int] = {}
        for index, entry in enumerate(getattr(document.value, key)):
            line = document.line(key, index, "name")
            if entry.name in seen:
                yield Fault(line, f"`{entry.name}` names two {key}, the first on line {seen[entry.name]}")
            seen.setdefault(entry.name, line)
    for index, pusher in enumerate(document.value.pushers):
        if not pusher.may:
            yield Fault(document.line("pushers", index, "may"), f"`{pusher.name}` may do nothing; list `push`")


def _check_windows(document: Document[PolicyFile]) -> Iterator[Fault]:
    for index, window in enumerate(document.value.windows):
        yield from explain_window(window, functools.partial(document.line, "windows", index))


def _check_overrides(document: Document[PolicyFile]) -> Iterator[Fault]:
    teams = [team.name for team in document.value.teams]
    for index, override in enumerate(document.value.enforcement.overrides):
        line = functools.partial(document.line, "enforcement", "overrides", index)
        if bool(override.paths) == bool(override.team):
            yield Fault(line(), "an override names either `paths` or a `team`")
        elif override.team and override.team not in teams:
            yield Fault(line("team"), f"`{override.team}` is no team{suggest(override.team, teams)}")
        if override.default is None and not override.rules:
            yield Fault(line(), "an override says `default`, `rules` or both")


def _check_teams(document: Document[PolicyFile]) -> Iterator[Fault]:
    yield from check_teams(document.value.teams, document.line)


def _check_signers(document: Document[PolicyFile]) -> Iterator[Fault]:
    yield from check_signers(document.value.signers, document.line)


def _check_people(document: Document[PolicyFile]) -> Iterator[Fault]:
    yield from check_people(document.value.people, document.line)


def _check_iam(document: Document[PolicyFile]) -> Iterator[Fault]:
    known = [page.rule for page in IAM_PAGES]
    yield from check_iam(document.value.iam, document.line, known=known, appliable=APPLIABLE)


def _check_conditions(document: Document[PolicyFile]) -> Iterator[Fault]:
    yield from check_meaning(document.value.conditions, document.line)


_CHECKS: tuple[Callable[[Document[PolicyFile]], Iterator[Fault]], ...] = (
    _check_rules,
    _check_globs,
    _check_names,
    _check_signers,
    _check_people,
    _check_teams,
    _check_conditions,
    _check_windows,
    _check_overrides,
    _check_iam,
)


class PolicySummary(msgspec.Struct, frozen=True, kw_only=True):
    """What `dagwarden policy check` shows of a policy that loads."""

    digest: str
    pushers: int
    levels: dict[str, str]
    raw_drops: bool
    advice: tuple[str, ...]


def summarise(policy: Policy, now: dt.datetime) -> PolicySummary:
    """The policy in a few words.

    Args:
        now: by which waivers have run out, or soon will.
    """
    return PolicySummary(
        digest=policy.digest,
        pushers=len(policy.pushers),
        levels={"default": policy.enforcement.default, **policy.enforcement.rules},
        raw_drops=policy.raw_drops.allowed,
        advice=(*advise(policy), *advise_waivers(policy, now)),
    )
