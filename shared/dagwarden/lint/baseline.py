"""Findings that were there when a repository began to lint: kept in a file, so that only new ones count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from dagwarden.errors import InvalidInput
from dagwarden.lint.located import Located


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, order=True):
    """One finding that is let through. It has no line: the file stays as it is when code moves."""

    path: Annotated[str, Meta(min_length=1)]
    """From the folder of the baseline file, with `/`."""
    rule: Annotated[str, Meta(min_length=1)]
    fingerprint: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of a baseline file."""

    apiVersion: Literal["dagwarden/v1"] = "dagwarden/v1"  # noqa: N815 (the key as Kubernetes spells it)
    kind: Literal["Baseline"] = "Baseline"
    findings: tuple[Entry, ...] = ()


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Findings held against a baseline."""

    new: tuple[Located, ...]
    known: tuple[Located, ...]
    gone: tuple[Entry, ...]
    """Entries that nothing matches any more: what they let through was mended."""


def make_baseline(found: Iterable[tuple[str, Located]]) -> Baseline:
    """A baseline that lets these findings through, each with its path from the baseline's folder.

    Notes on what the code allows need no entry: they deny nothing.
    """
    entries = (_make_entry(path, located) for path, located in found if located.finding.allows is None)
    return Baseline(findings=tuple(sorted(entries)))


def compare(baseline: Baseline, found: Sequence[tuple[str, Located]], judged: Collection[str]) -> Comparison:
    """Which findings a baseline lets through.

    Args:
        found: findings with their paths from the baseline's folder.
        judged: paths whose entries are gone unless matched: of files that were looked at, or are no more. Entries of
            other files are left alone: a hook looks at a few files only.
    """
    left = Counter(baseline.findings)
    new, known = [], []
    for path, located in found:
        entry = _make_entry(path, located)
        if left[entry] > 0:
            left[entry] -= 1
            known.append(located)
        else:
            new.append(located)
    gone = (entry for entry in left.elements() if entry.path in judged)
    return Comparison(new=tuple(new), known=tuple(known), gone=tuple(sorted(gone)))


def encode_baseline(baseline: Baseline) -> bytes:
    """The text of a baseline file: one entry a line, so that diffs read well."""
    head = msgspec.json.encode({"apiVersion": baseline.apiVersion, "kind": baseline.kind}).decode()[1:-1]
    entries = ",\n".join(f"  {msgspec.json.encode(entry).decode()}" for entry in baseline.findings)
    return f'{{{head},"findings":[\n{entries}\n]}}\n'.encode()


def read_baseline(content: bytes, *, name: str) -> Baseline:
    """Read a baseline file.

    Raises:
        InvalidInput: it is none.
    """
    try:
        return msgspec.json.decode(content, type=Baseline)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        hint = "write it anew with --write-baseline"
        raise InvalidInput(str(error), operation="read baseline", subject=name, hint=hint) from error


def _make_entry(path: str, located: Located) -> Entry:
    return Entry(path=path, rule=located.finding.rule, fingerprint=located.fingerprint)
