"""Texts among a task's arguments that may be secrets: what they are called, or how they begin, makes them suspect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from dagwarden.validate.model import GIVEN, MAX_TEXT
from dagwarden.validate.plain import Argument, Plain, Suspect

SHORTEST, LONGEST = 4, 4_096
"""Characters; a service-account key in one text has about 2,400."""

_NAMED = re.compile(r"(?i)pass|pwd|secret|token|key|credential")
_FORMED = re.compile(r"AIza|ya29\.|GOCSPX-|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|AKIA|PRIVATE KEY-----")


def find_suspects(task_id: str, arguments: Iterable[Argument]) -> Iterator[Suspect]:
    """Those of one task."""
    for argument in arguments:
        if argument.known in GIVEN:
            for place, name, text in _list_texts(argument.name, argument.name, argument.value):
                if SHORTEST <= len(text) <= LONGEST and (_NAMED.search(name) or _FORMED.search(text)):
                    yield Suspect(task_id=task_id, place=place[:MAX_TEXT], name=name[:MAX_TEXT], text=text)


def _list_texts(place: str, name: str, value: Plain) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, str):
        yield place, name, value
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _list_texts(f"{place}[{index}]", name, each)
    elif isinstance(value, dict):
        called, held = value.get("name"), value.get("value")
        if isinstance(called, str) and isinstance(held, str):
            yield f"{place}.{called}", called, held
        for key, each in value.items():
            yield from _list_texts(f"{place}.{key}", key, each)
