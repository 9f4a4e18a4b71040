"""The remote-helper protocol as git speaks it: reads commands, asks a `Remote`, answers.

Source: gitremote-helpers(7); transport-helper.c of git 2.39 for the reasons of rejection that git knows by their words,
and for the options after `ok` (since 2.29) that say where a ref stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import msgspec

BREAK_GLASS = "break-glass="
"""The one push option there is; of others git says that they are not supported."""
UP_TO_DATE = "up to date"
NON_FAST_FORWARD = "non-fast forward"
FETCH_FIRST = "fetch first"
STALE_INFO = "stale info"
"""Reasons that git tells in its own words, with its own advice."""

_SWITCHES = {"progress": "shows_progress", "dry-run": "is_dry_run"}


class RefSpec(msgspec.Struct, frozen=True):
    """One ref to push: `[+]SRC:DST`."""

    src: str
    """Empty: delete `dst`."""
    dst: str
    is_forced: bool


class PushOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What `option` commands asked for."""

    verbosity: int = 1
    shows_progress: bool = False
    is_dry_run: bool = False
    expected: dict[str, str] = {}
    """ref -> the commit that must be there (`--force-with-lease`)."""
    break_glass: str = ""
    """The reason of an emergency (`git push -o break-glass=REASON`)."""


class Answer(msgspec.Struct, frozen=True):
    """What became of one ref."""

    refused: str = ""
    """Why it was not taken; empty when it was."""
    stays_at: str = ""
    """The commit where the ref stays although nothing is wrong: there was nothing to release."""


class Remote(Protocol):
    """What stands at the other end."""

    def list_refs(self, *, is_for_push: bool) -> list[tuple[str, str]]:
        """(commit, full ref name) of each ref there; git pushes nothing when they are what it was to push."""

    def set_options(self, options: PushOptions) -> None:
        """What git asked for holds from now on."""

    def push(self, spec: RefSpec) -> Answer:
        """Push one ref."""


def serve(commands: Iterable[str], answer: Callable[[str], None], remote: Remote) -> None:
    """Answer git's commands until it ends.

    Args:
        commands: lines without their newline.
        answer: sends one line to git, at once.
    """
    lines = iter(commands)
    options = PushOptions()
    for line in lines:
        verb, _, rest = line.partition(" ")
        if verb == "capabilities":
            _answer_all(answer, ("option", "push"))
        elif verb == "option":
            changed = _set_option(options, *_split_option(rest))
            answer("unsupported" if changed is None else "ok")
            options = changed or options
            remote.set_options(options)
        elif verb == "list":
            _answer_all(answer, (f"{commit} {ref}" for commit, ref in remote.list_refs(is_for_push=rest == "for-push")))
        elif verb == "push":
            _answer_all(answer, _push_all(_read_batch(rest, lines), remote))
        elif not line:
            return
        else:
            raise ValueError(f"git asks for {verb!r}, which was not offered")


def parse_spec(text: str) -> RefSpec:
    """`+refs/heads/a:refs/heads/b` taken apart."""
    src, _, dst = text.removeprefix("+").partition(":")
    return RefSpec(src, dst, text.startswith("+"))


def _push_all(specs: list[RefSpec], remote: Remote) -> Iterator[str]:
    for spec in specs:
        reason = _refuse(spec, len(specs))
        answer = Answer(reason) if reason else remote.push(spec)
        if answer.refused:
            yield f"error {spec.dst} {_quote(answer.refused)}"
            continue
        yield f"ok {spec.dst}"
        if answer.stays_at:  # else git has its own ref (prod/main) follow what it pushed
            yield f"option old-oid {answer.stays_at}"
            yield f"option new-oid {answer.stays_at}"


def _refuse(spec: RefSpec, count: int) -> str:
    """Why a ref cannot be pushed whatever it holds."""
    if count > 1:
        return "an environment has one tree: push one branch at a time"
    if not spec.src:
        return "an environment cannot be deleted: push a commit without the files, or roll back"
    if not spec.dst.startswith("refs/heads/"):
        return "push to a branch: git push REMOTE NAME:refs/heads/main"
    return ""


def _read_batch(first: str, lines: Iterator[str]) -> list[RefSpec]:
    """All `push` commands up to the blank line that ends them."""
    specs = [parse_spec(first)]
    for line in lines:
        if not line:
            break
        verb, _, rest = line.partition(" ")
        if verb == "push":
            specs.append(parse_spec(rest))
    return specs


def _split_option(text: str) -> tuple[str, str]:
    name, _, value = text.partition(" ")
    return name, value


def _set_option(options: PushOptions, name: str, value: str) -> PushOptions | None:
    """The options with one more; None when we know none such."""
    if name == "verbosity" and value.lstrip("-").isdigit():
        return msgspec.structs.replace(options, verbosity=int(value))
    if name in _SWITCHES:
        return msgspec.structs.replace(options, **{_SWITCHES[name]: value == "true"})
    if name == "cas":
        ref, _, commit = value.rpartition(":")
        return msgspec.structs.replace(options, expected={**options.expected, ref: commit})
    if name == "push-option" and value.startswith(BREAK_GLASS):
        return msgspec.structs.replace(options, break_glass=value.removeprefix(BREAK_GLASS))
    if name in {"atomic", "force", "force-if-includes"}:  # one ref is atomic; force comes with each ref
        return options
    return None


def _answer_all(answer: Callable[[str], None], lines: Iterable[str]) -> None:
    for line in lines:
        answer(line)
    answer("")


def _quote(reason: str) -> str:
    return " ".join(reason.split())
