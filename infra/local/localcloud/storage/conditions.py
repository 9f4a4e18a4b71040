"""Preconditions: the if*Match parameters of every verb."""

from __future__ import annotations

from typing import Protocol

import msgspec

from localcloud.storage.errors import Refusal, condition_not_met, not_modified
from localcloud.storage.request import Request


class Versioned(Protocol):
    """What preconditions look at."""

    @property
    def generation(self) -> int:
        """Changes with the content."""

    @property
    def metageneration(self) -> int:
        """Changes with the metadata."""

    @property
    def etag(self) -> str:
        """Changes with either."""


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """What must hold of the current version; `None` asks nothing. Generation 0 means "there is none"."""

    generation: int | None = None
    not_generation: int | None = None
    metageneration: int | None = None
    not_metageneration: int | None = None
    etag: str | None = None
    not_etag: str | None = None

    @property
    def are_empty(self) -> bool:
        """Whether nothing is asked."""
        return self == Conditions()

    def check(self, current: Versioned | None, *, reading: bool = False) -> None:
        """They all hold of `current` (`None`: there is no such version).

        Raises:
            Refusal: 412; when only a `Not` condition of a read fails, 304.
        """
        if not self._match(current):
            raise condition_not_met()
        if not self._differ(current):
            raise _unchanged(reading)

    def _match(self, current: Versioned | None) -> bool:
        generation = current.generation if current else 0
        metageneration = current.metageneration if current else 0
        return (
            (self.generation is None or self.generation == generation)
            and (self.metageneration is None or self.metageneration == metageneration)
            and (self.etag is None or (current is not None and self.etag in {"*", current.etag}))
        )

    def _differ(self, current: Versioned | None) -> bool:
        generation = current.generation if current else 0
        metageneration = current.metageneration if current else 0
        return (
            (self.not_generation is None or self.not_generation != generation)
            and (self.not_metageneration is None or self.not_metageneration != metageneration)
            and (self.not_etag is None or current is None or self.not_etag not in {"*", current.etag})
        )


def _unchanged(reading: bool) -> Refusal:
    return not_modified() if reading else condition_not_met()


def conditions_of(request: Request, prefix: str = "if") -> Conditions:
    """The preconditions a request states; `prefix` is `ifSource` for those on the source of a copy."""
    own = prefix == "if"
    return Conditions(
        generation=request.integer(f"{prefix}GenerationMatch"),
        not_generation=request.integer(f"{prefix}GenerationNotMatch"),
        metageneration=request.integer(f"{prefix}MetagenerationMatch"),
        not_metageneration=request.integer(f"{prefix}MetagenerationNotMatch"),
        etag=_etag(request.headers.get("if-match")) if own else None,
        not_etag=_etag(request.headers.get("if-none-match")) if own else None,
    )


def _etag(header: str | None) -> str | None:
    return None if header is None else header.strip().strip('"')
