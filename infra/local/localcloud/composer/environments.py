"""Environments as Cloud Composer keeps them: any settings under a name, changed by update masks."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from localcloud.rest import ApiError
from localcloud.state import State
from localcloud.timestamps import format_ns, now_ns

_SCHEMA = """
CREATE TABLE IF NOT EXISTS composer_environments (name TEXT PRIMARY KEY, resource TEXT NOT NULL) STRICT;
"""

_ID = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
MAPS = ("airflowConfigOverrides", "pypiPackages", "envVariables", "labels")
"""Fields whose keys are the client's own: what a mask names below them is one key, dots and all."""

IMAGE_VERSIONS: tuple[Mapping[str, Any], ...] = (
    {"imageVersionId": "composer-3-airflow-3.3.2-build.1", "isDefault": True},
    {"imageVersionId": "composer-3-airflow-2.10.5-build.3"},
    {"imageVersionId": "composer-2.0.1-airflow-2.1.4", "creationDisabled": True, "upgradeDisabled": True},
)
"""A few, new and old."""


class Environments:
    """The environments of all projects."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.db.executescript(_SCHEMA)

    def create(self, parent: str, wished: Mapping[str, Any]) -> dict[str, Any]:
        """A new environment.

        Raises:
            ApiError: its name is none of this place, or taken.
        """
        name = str(wished.get("name", ""))
        before, _, last = name.rpartition("/environments/")
        if before != parent or not _ID.fullmatch(last):
            raise ApiError("INVALID_ARGUMENT", f"Invalid environment name {name[:200]!r} in {parent}.")
        now = format_ns(now_ns())
        made = {**wished, "uuid": str(uuid.uuid4()), "state": "RUNNING", "createTime": now, "updateTime": now}
        with self._state.transaction() as db:
            row = db.execute("SELECT 1 FROM composer_environments WHERE name = ?", (name,)).fetchone()
            if row is not None:
                raise ApiError("ALREADY_EXISTS", f"Resource {name} already exists.")
            db.execute("INSERT INTO composer_environments VALUES (?, ?)", (name, json.dumps(made)))
        return made

    def get(self, name: str) -> dict[str, Any]:
        """One environment.

        Raises:
            ApiError: there is none of that name.
        """
        asked = "SELECT resource FROM composer_environments WHERE name = ?"
        row = self._state.db.execute(asked, (name,)).fetchone()
        if row is None:
            raise ApiError("NOT_FOUND", f"Environment {name} not found.")
        found: dict[str, Any] = json.loads(row["resource"])
        return found

    def list_in(self, parent: str) -> list[dict[str, Any]]:
        """The environments of one place, by name."""
        asked = "SELECT resource FROM composer_environments WHERE name GLOB ? ORDER BY name"
        return [json.loads(row["resource"]) for row in self._state.db.execute(asked, (f"{parent}/environments/*",))]

    def update(self, name: str, wished: Mapping[str, Any], mask: str) -> dict[str, Any]:
        """The fields that the mask names are as in `wished` afterwards: gone, where it does not have them.

        Raises:
            ApiError: there is none of that name, or the mask names nothing.
        """
        paths = [each.strip() for each in mask.split(",") if each.strip()]
        if not paths:
            raise ApiError("INVALID_ARGUMENT", "An update mask is needed.")
        with self._state.transaction() as db:
            changed = self.get(name)
            for path in paths:
                _set_field(changed, wished, split_path(path))
            changed["updateTime"] = format_ns(now_ns())
            db.execute("UPDATE composer_environments SET resource = ? WHERE name = ?", (json.dumps(changed), name))
        return changed

    def delete(self, name: str) -> dict[str, Any]:
        """The environment is gone; returns what it was.

        Raises:
            ApiError: there is none of that name.
        """
        with self._state.transaction() as db:
            found = self.get(name)
            db.execute("DELETE FROM composer_environments WHERE name = ?", (name,))
        return found


def split_path(path: str) -> list[str]:
    """The names in a path of an update mask.

    >>> split_path("config.softwareConfig.pypiPackages.ruamel.yaml")
    ['config', 'softwareConfig', 'pypiPackages', 'ruamel.yaml']
    """
    parts = path.split(".")
    cut = next((index + 1 for index, part in enumerate(parts) if part in MAPS), len(parts))
    return [*parts[:cut], ".".join(parts[cut:])] if parts[cut:] else parts


def _set_field(target: dict[str, Any], wished: Mapping[str, Any], path: list[str]) -> None:
    value: Any = wished
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    for name in path[:-1]:
        inner = target.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ApiError("INVALID_ARGUMENT", f"Invalid update mask: {name!r} has no fields.")
        target = inner
    if value is None:
        target.pop(path[-1], None)
    else:
        target[path[-1]] = deepcopy(value)
