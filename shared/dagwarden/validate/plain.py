"""Arguments of tasks as plain values: what JSON has, and marks for what could not be read."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from dagwarden.validate.model import Known


class Opaque(msgspec.Struct, frozen=True):
    """A value that is not known here, and why."""

    known: Known
    """TEMPLATED or UNREADABLE."""
    type: str = ""
    """The class of what could not be read."""


Plain: TypeAlias = bool | int | float | str | Opaque | list["Plain"] | dict[str, "Plain"] | None


class Argument(msgspec.Struct, frozen=True, kw_only=True):
    """One argument of a task."""

    name: str
    value: Plain
    known: Known


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """A text among a task's arguments that may be a secret: it is judged outside of the sandbox, then forgotten."""

    task_id: str
    place: str
    """Where it stands, e.g. `env_vars.DB_PASSWORD`."""
    name: str
    """What it is called there."""
    text: str
