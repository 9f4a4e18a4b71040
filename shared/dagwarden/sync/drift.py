"""Judges what lies in an environment's bucket against the ledger: no I/O, so that reports, healing and tests agree.

A file is known by its content (size and md5), never by what its metadata says of itself: anybody may copy that.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from dagwarden.errors import LimitExceeded
from dagwarden.names import FOLDERS, ReleasePath

if TYPE_CHECKING:
    from dagwarden.cloud.storage import ObjectInfo
    from dagwarden.ledger.release import PutFile
    from dagwarden.ledger.state import FileEntry
    from dagwarden.policy.model import Drift as DriftRules

PREFIXES = tuple(f"{folder}/" for folder in FOLDERS)
"""What the mirror looks after. Everything else in the bucket (data/, logs/ …) is not its business."""


class Standing(enum.StrEnum):
    """How an object stands to the ledger."""

    IN_ORDER = "in order"
    LAGGING = "lagging"
    """What the ledger had here a moment ago: the mirror has not come by yet."""
    CHANGED = "changed"
    """Other content than any release on the way had."""
    ADDED = "added"
    """No release on the way had a file here."""
    REMOVED = "removed"
    """A released file is gone."""


DRIFT = frozenset({Standing.CHANGED, Standing.ADDED, Standing.REMOVED})


class Remedy(enum.StrEnum):
    """What is done about drift."""

    PUT_BACK = "put back"
    REMOVE = "remove"
    REPORT = "report"


class Drifted(msgspec.Struct, frozen=True, kw_only=True):
    """One object that is not what the ledger says."""

    path: str
    standing: Standing
    remedy: Remedy
    live: ObjectInfo | None
    wanted: FileEntry | None


class HealLimit(msgspec.Struct, frozen=True, kw_only=True):
    """How much one reconciliation may heal: more than this was hardly done by a stray hand."""

    percent: int = 50
    """Of the released files and the objects that are none."""
    always_allowed: int = 20
    """Objects that the percentage does not apply to."""


HEAL_LIMIT = HealLimit()


def is_mirrored(name: str) -> bool:
    """Whether an object lies where the mirror looks after things."""
    return name.startswith(PREFIXES)


def is_placeholder(live: ObjectInfo) -> bool:
    """Whether the object only makes a folder visible in the Console: empty, with a name that ends in `/`."""
    return live.name.endswith("/") and live.size_bytes == 0


def holds(live: ObjectInfo | None, entry: FileEntry | PutFile | None) -> bool:
    """Whether the live object is this file; nothing is there where no file should be counts as well.

    Args:
        live: its md5 must be known: that of a composed object has to be computed first.
    """
    if live is None or entry is None:
        return live is None and entry is None
    is_plain = not live.content_encoding  # else readers would get other bytes than lie there
    return is_plain and live.size_bytes == entry.size_bytes and live.md5 == entry.md5


def classify(
    live: ObjectInfo | None, wanted: FileEntry | None, lagging: Iterable[FileEntry | PutFile | None] = ()
) -> Standing:
    """How one object stands to the ledger.

    Args:
        live: what lies in the bucket; None for nothing.
        wanted: what the head release has there; None for no file.
        lagging: what the releases had there that the mirror may not have come past yet.
    """
    if holds(live, wanted):
        return Standing.IN_ORDER
    if live is not None and wanted is None and is_placeholder(live):
        return Standing.IN_ORDER
    if any(holds(live, entry) for entry in lagging):
        return Standing.LAGGING
    if live is None:
        return Standing.REMOVED
    return Standing.ADDED if wanted is None else Standing.CHANGED


def choose_remedy(standing: Standing, rules: DriftRules) -> Remedy:
    """What policy says to do about drift."""
    if standing is Standing.ADDED:
        return Remedy.REMOVE if rules.unknown_files == "remove" else Remedy.REPORT
    return Remedy.PUT_BACK if rules.changed_files == "heal" else Remedy.REPORT


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """All that a look at the whole bucket found."""

    drifted: tuple[Drifted, ...]
    lagging: tuple[ReleasePath, ...]
    """Paths the mirror has yet to bring to the head."""
    population: int
    """Released files and objects that are none, together."""

    def heals(self) -> tuple[Drifted, ...]:
        """What policy wants healed."""
        return tuple(found for found in self.drifted if found.remedy is not Remedy.REPORT)


def survey(
    live: Mapping[str, ObjectInfo],
    wanted: Mapping[ReleasePath, FileEntry],
    rules: DriftRules,
    is_lagging: Callable[[str, ObjectInfo | None], bool],
) -> Survey:
    """Compare everything in the bucket with everything in the head release.

    Args:
        live: the objects under `dags/` and `plugins/` by name, each with its md5.
        is_lagging: whether an object (or its absence) that is not in order is what the mirror has not come past yet.
    """
    drifted, lagging = [], []
    names = sorted(set(live) | set(wanted))
    for name in names:
        path = ReleasePath(name)
        found, entry = live.get(name), wanted.get(path)
        standing = classify(found, entry)
        if standing is Standing.IN_ORDER:
            continue
        if is_lagging(name, found):
            lagging.append(path)
            continue
        remedy = choose_remedy(standing, rules)
        drifted.append(Drifted(path=name, standing=standing, remedy=remedy, live=found, wanted=entry))
    return Survey(drifted=tuple(drifted), lagging=tuple(lagging), population=len(names))


def check_heals(found: Survey, limit: HealLimit, subject: str) -> None:
    """Nothing is said when so much may be healed.

    Args:
        subject: the bucket, for the message.

    Raises:
        LimitExceeded: it is too much for a stray hand: the bucket may be the wrong one.
    """
    selected = len(found.heals())
    if selected <= limit.always_allowed or selected * 100 <= limit.percent * found.population:
        return
    raise LimitExceeded(
        f"healing would touch {selected} of {found.population} files; the limit is {limit.percent} %",
        operation="heal drift",
        subject=subject,
        hint="check that environment.yaml names the right bucket, then run `dagwarden drift --heal --no-limit`",
    )


PACKAGED = (".zip",)


def rank_put(path: str, content: bytes) -> int:
    """When a file is put, lowest first, so that a DAG never comes before what it imports.

    0: plugins, and what is no DAG file; 1: files the DAG processor would parse, by Airflow's own test (safe mode).

    Source: airflow.utils.file.might_contain_dag: `dag` and `airflow` occur, in any case; zip files always count.
    """
    if not path.startswith("dags/"):
        return 0
    if path.endswith(PACKAGED):
        return 1
    text = content.lower()
    return int(path.endswith(".py") and b"dag" in text and b"airflow" in text)


def in_phases(puts: Iterable[tuple[str, bytes]]) -> Sequence[tuple[str, ...]]:
    """The paths to put, in phases: all of one phase may be put at once, the next only afterwards."""
    ranked = [(rank_put(path, content), path) for path, content in puts]
    phases = [tuple(path for rank, path in ranked if rank == phase) for phase in sorted({rank for rank, _ in ranked})]
    return tuple(phases)
