"""As whom, and with which powers, a task runs: a function of its arguments and of what its operator is."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator

from dagwarden.validate.identity_table import (
    BODIES,
    ENVIRONMENTS,
    NAMES_INSIDE,
    PASSED_ON,
    POD_USERS,
    POWERS,
    SECRET_REFERENCES,
    SERVICE_ACCOUNT_EMAIL,
    TEMPLATE,
    TOLD_WHEN_FALSE,
    find_kind,
    snake_case,
)
from dagwarden.validate.model import GIVEN, MAX_FACTS, MAX_TEXT, FactKind, IdentityFact, Known
from dagwarden.validate.plain import Argument, Opaque, Plain
from dagwarden.validate.reach import OPEN_ARGUMENTS, OPEN_BODIES, REACH_FIELDS, find_openings


def find_facts(arguments: Iterable[Argument], operators: Iterable[str]) -> tuple[tuple[IdentityFact, ...], int]:
    """The identity facts of one task, mentions and variables last, and how many there were before the limit.

    Args:
        operators: the qualified names of the operator's class and of its bases.
    """
    arguments = tuple(arguments)
    found: dict[tuple[FactKind, str, str], IdentityFact] = {}
    for fact in (*_read_all(arguments), *_find_absent(arguments, operators)):
        found.setdefault((fact.kind, fact.argument, fact.value), fact)
    named = {fact.value for fact in found.values() if fact.kind is not FactKind.MENTION}
    facts = [fact for fact in found.values() if fact.kind is not FactKind.MENTION or fact.value not in named]
    facts.sort(key=lambda fact: fact.kind is FactKind.MENTION or fact.kind is FactKind.ENVIRONMENT_VARIABLE)
    return tuple(facts[:MAX_FACTS]), len(facts)


def _read_all(arguments: tuple[Argument, ...]) -> Iterator[IdentityFact]:
    for argument in arguments:
        name = snake_case(argument.name)
        if argument.known in GIVEN:
            yield from _find_mentions(argument.name, argument.value, argument.known)
        if name in PASSED_ON:
            continue
        yield from _read_field(name, argument.name, argument.value, argument.known, is_top=True)


def _read_field(name: str, place: str, value: Plain, known: Known, *, is_top: bool = False) -> Iterator[IdentityFact]:
    """What one argument, or one field inside an argument, says; then what is inside it."""
    kind = find_kind(name)
    if kind is FactKind.IMPERSONATION:
        yield from _read_chain(place, value, known)
    elif kind is not None:
        yield from _read_kind(kind, place, value, known, is_top=is_top)
    elif name == "run_as_user" and is_top:
        if value is not None:
            yield _fact(FactKind.USER, place, value, known)
    elif name in POWERS or name in POD_USERS or name in TOLD_WHEN_FALSE:
        yield from _read_power(name, place, value, known)
    elif name in ENVIRONMENTS:
        yield from _read_environment(place, value, known)
    elif name in SECRET_REFERENCES:
        yield from _read_secrets(place, value, known)
    elif name in REACH_FIELDS:
        for opening in find_openings(name, value):
            yield _fact(FactKind.PUBLIC_ADDRESS, place, opening, known)
    yield from _read_inside(place, value, known)


def _read_inside(place: str, value: Plain, known: Known) -> Iterator[IdentityFact]:
    if isinstance(value, dict):
        for key, held in value.items():
            yield from _read_field(snake_case(key), f"{place}.{key}", held, known)
    elif isinstance(value, list):
        for index, held in enumerate(value):
            yield from _read_inside(f"{place}[{index}]", held, known)


def _read_chain(place: str, value: Plain, known: Known) -> Iterator[IdentityFact]:
    """The last of an impersonation chain is who acts; each before it must be allowed to act as the next.

    Source: apache-airflow-providers-google, connections/gcp.rst.
    """
    if not isinstance(value, list):
        yield _fact(FactKind.IMPERSONATION, place, value or None, known)
        return
    for index, each in enumerate(value):
        kind = FactKind.IMPERSONATION if index == len(value) - 1 else FactKind.DELEGATE
        yield _fact(kind, f"{place}[{index}]", each, known)
    if not value:
        yield _fact(FactKind.IMPERSONATION, place, None, known)


def _read_kind(kind: FactKind, place: str, value: Plain, known: Known, *, is_top: bool) -> Iterator[IdentityFact]:
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _read_kind(kind, f"{place}[{index}]", each, known, is_top=False)
    elif isinstance(value, dict):
        for key, held in value.items():
            if snake_case(key) in NAMES_INSIDE.get(kind, ()):
                yield _fact(kind, f"{place}.{key}", held, known)
    elif kind is FactKind.POD_TEMPLATE and value is None:
        return
    elif value is not None or is_top:
        if kind is FactKind.KUBERNETES_SERVICE_ACCOUNT and isinstance(value, str) and "@" in value:
            kind = FactKind.SERVICE_ACCOUNT
        yield _fact(kind, place, value, known)


def _read_power(name: str, place: str, value: Plain, known: Known) -> Iterator[IdentityFact]:
    is_told = value is False if name in TOLD_WHEN_FALSE else bool(value) or (name in POD_USERS and value == 0)
    if not is_told or (value is False and name in POD_USERS):
        return
    if isinstance(value, Opaque):
        yield _fact(FactKind.KUBERNETES_SETTING, place, value, known)
    else:
        text = json.dumps(value, default=lambda opaque: opaque.known, sort_keys=True)
        yield _fact(FactKind.KUBERNETES_SETTING, place, text, known)


def _read_environment(place: str, value: Plain, known: Known) -> Iterator[IdentityFact]:
    names: list[Plain] = []
    if isinstance(value, dict):
        names = list(value)
    elif isinstance(value, list):
        names = [each.get("name") for each in value if isinstance(each, dict)]
    elif isinstance(value, Opaque):
        names = [value]
    elif isinstance(value, str) and TEMPLATE.search(value):
        names = [Opaque(Known.TEMPLATED)]
    for name in names:
        if name is not None:
            yield _fact(FactKind.ENVIRONMENT_VARIABLE, place, name, known)


def _read_secrets(place: str, value: Plain, known: Known) -> Iterator[IdentityFact]:
    for index, each in enumerate(value if isinstance(value, list) else [value]):
        where = f"{place}[{index}]" if isinstance(value, list) else place
        if isinstance(each, dict):
            name = each.get("secret", each.get("name"))
            if isinstance(name, str | Opaque):
                yield _fact(FactKind.SECRET, where, name, known)
        elif isinstance(each, str | Opaque):
            yield _fact(FactKind.SECRET, where, each, known)


def _find_mentions(place: str, value: Plain, known: Known) -> Iterator[IdentityFact]:
    if isinstance(value, str):
        if "gserviceaccount" in value:
            for email in dict.fromkeys(SERVICE_ACCOUNT_EMAIL.findall(value)):
                yield _fact(FactKind.MENTION, place, email, known)
    elif isinstance(value, dict):
        for key, held in value.items():
            yield from _find_mentions(f"{place}.{key}", held, known)
    elif isinstance(value, list):
        for index, held in enumerate(value):
            yield from _find_mentions(f"{place}[{index}]", held, known)


def _find_absent(arguments: tuple[Argument, ...], operators: Iterable[str]) -> Iterator[IdentityFact]:
    """What bodies could say and do not: what they create runs as a service's default account, or strangers reach it."""
    own = {operator.rpartition(".")[2] for operator in operators}
    for kind, bodies in _BODIES:
        for name in sorted(own & bodies.keys()):
            for body, paths in bodies[name]:
                for argument in arguments:
                    if argument.name == body and argument.value is not None:
                        yield from _find_absent_in(kind, argument, paths)
    for name in sorted(own & OPEN_ARGUMENTS.keys()):
        for argument in arguments:
            if argument.name == OPEN_ARGUMENTS[name] and not argument.value:
                yield _fact(FactKind.PUBLIC_ADDRESS, argument.name, None, argument.known)


_BODIES = ((FactKind.SERVICE_ACCOUNT, BODIES), (FactKind.PUBLIC_ADDRESS, OPEN_BODIES))


def _find_absent_in(kind: FactKind, argument: Argument, paths: tuple[str, ...]) -> Iterator[IdentityFact]:
    """Absent where no place is said for all that the body lists: one item that says nothing is enough."""
    values = [_follow(argument.value, path.split(".")) for path in paths]
    place = f"{argument.name}.{paths[0]}"
    if not any(found and None not in found for found in values):
        yield _fact(kind, place, None, argument.known)
    for each in itertools.chain.from_iterable(values):
        if isinstance(each, Opaque):
            yield _fact(kind, place, each, argument.known)


def _follow(value: Plain, path: list[str]) -> list[Plain]:
    """What stands at a place of a body, through lists, whose items without it count as None; a value that is not known
    stands for all inside it."""
    if isinstance(value, Opaque) or not path:
        return [value]
    if isinstance(value, str):
        return [Opaque(Known.TEMPLATED)] if TEMPLATE.search(value) else []
    if isinstance(value, list):
        return [found for each in value for found in _follow(each, path) or [None]]
    if isinstance(value, dict):
        return [found for key, held in value.items() if snake_case(key) == path[0] for found in _follow(held, path[1:])]
    return []


def _fact(kind: FactKind, place: str, value: Plain, known: Known) -> IdentityFact:
    """The fact that a value makes: not known where it is a template or unreadable, absent where it is None or empty."""
    place = place[:MAX_TEXT]
    if isinstance(value, Opaque):
        return IdentityFact(kind=kind, argument=place, known=value.known)
    if value is None or value == "":
        return IdentityFact(kind=kind, argument=place, known=Known.ABSENT)
    if isinstance(value, dict | list):
        return IdentityFact(kind=kind, argument=place, known=Known.UNREADABLE)
    text = value if isinstance(value, str) else json.dumps(value)
    if TEMPLATE.search(text):
        known = Known.TEMPLATED
    if len(text) > MAX_TEXT:
        return IdentityFact(kind=kind, argument=place, known=Known.UNREADABLE)
    return IdentityFact(kind=kind, argument=place, value=text, known=known)
