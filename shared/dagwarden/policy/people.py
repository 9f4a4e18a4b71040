"""Who is the same person under several names: one person is one pair of eyes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

from msgspec import Meta

from dagwarden.policy.section import Identity, Name, Section
from dagwarden.yaml_nodes import Fault


class Person(Section, frozen=True, kw_only=True):
    """One person under several names: who pushed or wrote as one of them approves nothing as another."""

    name: Name
    principals: Annotated[
        tuple[Identity, ...],
        Meta(min_length=2, description="e-mails, of SSH signers, service accounts and commits; no `*`"),
    ]


def find_person(people: Sequence[Person], principal: str) -> str:
    """One name for whoever a principal is: that of the person where the policy knows it, in small letters.

    >>> ann = Person(name="Ann", principals=("ann@acme.example", "ann-ci@acme.iam.gserviceaccount.com"))
    >>> find_person([ann], "Ann-CI@acme.iam.gserviceaccount.com") == find_person([ann], "ann@acme.example")
    True
    >>> find_person([ann], "Bob@acme.example")
    'bob@acme.example'
    """
    own = principal.casefold()
    for person in people:
        known = [each.casefold() for each in person.principals]
        if own in known:
            return known[0]
    return own


def check_people(people: Sequence[Person], line: Callable[..., int]) -> Iterator[Fault]:
    """Who is said to be two persons."""
    owners: dict[str, str] = {}
    for index, person in enumerate(people):
        for place, principal in enumerate(person.principals):
            owner = owners.setdefault(principal.casefold(), person.name)
            if owner != person.name:
                yield Fault(line("people", index, "principals", place), f"{principal} is {owner} already")
