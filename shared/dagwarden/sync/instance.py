"""Which process of which environment an agent serves, and how it speaks."""

from __future__ import annotations

from typing import Protocol

import msgspec

from dagwarden.errors import InvalidInput
from dagwarden.names import COMPONENT_FOLDERS, FOLDERS, Component, EnvironmentName, agent_subscription


class Say(Protocol):
    """Writes one structured line."""

    def __call__(self, message: str, *, severity: str = "INFO", **fields: object) -> None:
        """Write it."""


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """Which process of which environment the agent serves."""

    environment: EnvironmentName
    component: Component
    name: str
    folders: tuple[str, ...] = ()
    """The folders it holds; empty: those its component needs."""

    def held_folders(self) -> tuple[str, ...]:
        """The folders it holds."""
        return self.folders or COMPONENT_FOLDERS[self.component]

    def subscription(self) -> str:
        """The id of its subscription."""
        return agent_subscription(self.environment, self.component, self.name)


def parse_folders(text: str) -> tuple[str, ...]:
    """Folders as an operator lists them, each once, in the order a release has them; empty for an empty text.

    >>> parse_folders("plugins, dags")
    ('dags', 'plugins')

    Raises:
        InvalidInput: one of them is in no release.
    """
    named = [word.strip() for word in text.split(",") if word.strip()]
    if unknown := [word for word in named if word not in FOLDERS]:
        hint = f"choose from {', '.join(FOLDERS)}"
        raise InvalidInput(f"{unknown[0]!r} is no folder of a release", operation="read folders", hint=hint)
    return tuple(folder for folder in FOLDERS if folder in named)
