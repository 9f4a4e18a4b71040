"""Reads a git repository through git's own plumbing; changes nothing in it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator

import msgspec

from dagwarden.errors import InvalidInput
from dagwarden.push.manifest import MAX_AUTHORS, MAX_MESSAGE_CHARS, FileMode
from dagwarden.push.mapping import Listed, Strange
from dagwarden.push.rules import find, show

_MODES: dict[bytes, FileMode] = {b"100644": "0644", b"100664": "0644", b"100755": "0755"}
"""100664 is of early git; it means the same as 100644."""

_STRANGE_RULES = {b"120000": "path-link", b"160000": "file-submodule"}


class Tree(msgspec.Struct, frozen=True):
    """All that one commit holds."""

    files: tuple[tuple[str, Listed], ...]
    strange: tuple[Strange, ...]


class Repository:
    """A git repository, the one git itself would find from here (GIT_DIR, else the folder).

    Args:
        folder: where to run git; None: where this process is.
    """

    def __init__(self, folder: str | None = None) -> None:
        self._folder = folder

    def find_commit(self, name: str) -> str:
        """The id of the commit that a ref, a tag or an abbreviation stands for; empty when there is none here."""
        found = self._try("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        return found.decode().strip() if found is not None else ""

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether everything in `older` is in `newer` (both must be here)."""
        return self._try("merge-base", "--is-ancestor", older, newer) is not None

    def is_shallow(self) -> bool:
        """Whether history was cut off when it was cloned."""
        return self._run("rev-parse", "--is-shallow-repository").strip() == b"true"

    def find_root(self, commit: str) -> str:
        """The first commit of its history, the oldest where there are several: the same in every clone."""
        return self._run("rev-list", "--max-parents=0", commit).decode().split()[-1]

    def find_top(self) -> str:
        """The topmost folder of the working tree; empty where there is none."""
        return os.fsdecode((self._try("rev-parse", "--show-toplevel") or b"").removesuffix(b"\n"))

    def find_merge_base(self, one: str, other: str) -> str:
        """The newest commit that both have in their history; empty when there is none here."""
        return (self._try("merge-base", one, other) or b"").decode().strip()

    def list_work_tree(self) -> list[str]:
        """The paths, from this folder, of the files under it that git tracks or would if they were added."""
        found = self._run("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        return [os.fsdecode(name) for name in found.split(b"\0") if name]

    def find_branch(self) -> str:
        """The full name of the branch that is checked out; empty when none is."""
        return (self._try("symbolic-ref", "--quiet", "HEAD") or b"").decode().strip()

    def read_config(self) -> list[tuple[str, str]]:
        """All configuration, least specific first: (name, value); git has put section and variable in lower case."""
        found = self._try("config", "--list", "-z") or b""
        pairs = (item.partition("\n") for item in found.decode("utf-8", "replace").split("\0") if item)
        return [(name, value) for name, _, value in pairs]

    def list_tree(self, commit: str) -> Tree:
        """Every file of a commit, and everything in it that is no plain file."""
        files, strange = [], []
        for line in self._run("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0"):
            if not line:
                continue
            meta, _, name = line.partition(b"\t")
            mode, _, key = meta.split(b" ")[:3]
            path = name.decode("utf-8", "backslashreplace")
            if mode in _STRANGE_RULES:
                strange.append(Strange(path, find(_STRANGE_RULES[mode], path)))
            elif not _is_utf8(name):
                strange.append(Strange(path, find("path-not-utf8", path)))
            else:
                files.append((path, Listed(_MODES.get(mode, "0644"), key.decode())))
        return Tree(tuple(files), tuple(strange))

    def read_blobs(self, keys: Iterable[str], max_bytes: int) -> dict[str, bytes]:
        """The content of blobs by their ids.

        Raises:
            InvalidInput: they have more than `max_bytes` together; told before any is read.
        """
        wanted = "".join(f"{key}\n" for key in dict.fromkeys(keys)).encode()
        if not wanted:
            return {}
        sizes = self._run("cat-file", "--batch-check=%(objectsize)", stdin=wanted).split()
        total_bytes = sum(map(int, sizes))
        if total_bytes > max_bytes:
            raise InvalidInput(
                f"the changed files have {total_bytes:,} bytes; a push may have {max_bytes:,}",
                operation="read repository",
                hint="keep data in data/ or in a bucket of its own",
            )
        return dict(_parse_batch(self._run("cat-file", "--batch", stdin=wanted)))

    def read_message(self, commit: str) -> str:
        """The commit's message, cut where a release record would."""
        text = self._run("log", "-1", "--format=%B", "--end-of-options", commit).decode("utf-8", "replace").strip()
        return text[:MAX_MESSAGE_CHARS]

    def read_commit(self, commit: str) -> bytes:
        """The commit as git stores it: headers, signature, message."""
        return self._run("cat-file", "commit", commit)

    def list_authors(self, base: str, head: str) -> tuple[str, ...]:
        """`NAME <E-MAIL>` of whoever wrote the commits after `base` (empty: all), newest first, each once."""
        which = f"{base}..{head}" if base else head
        found = self._run("log", "-n", "1000", "-z", "--format=%an <%ae>", "--end-of-options", which)
        names = dict.fromkeys(show(name) for name in found.decode("utf-8", "replace").split("\0") if name)
        return tuple(names)[:MAX_AUTHORS]

    def _try(self, *arguments: str) -> bytes | None:
        done = self._start(arguments, None)
        return done.stdout if done.returncode == 0 else None

    def _run(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        done = self._start(arguments, stdin)
        if done.returncode:
            raise InvalidInput(
                show(done.stderr.decode("utf-8", "replace").strip()) or f"exit code {done.returncode}",
                operation=f"run git {arguments[0]}",
            )
        return done.stdout

    def _start(self, arguments: tuple[str, ...], stdin: bytes | None) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["git", *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            cwd=self._folder,
            check=False,
        )


def _parse_batch(output: bytes) -> Iterator[tuple[str, bytes]]:
    """The answer of `git cat-file --batch`: `ID blob SIZE`, a newline, so many bytes, a newline, and so on."""
    at = 0
    while at < len(output):
        end = output.index(b"\n", at)
        key, kind, *size = output[at:end].split(b" ")
        if kind != b"blob":
            raise InvalidInput(f"{key.decode()} is {kind.decode()}, no blob", operation="read repository")
        start, stop = end + 1, end + 1 + int(size[0])
        yield key.decode(), output[start:stop]
        at = stop + 1


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
