"""A push as one object: packed by whoever offers it, unpacked by the gate as the work of a stranger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from dagwarden.errors import InvalidInput, LimitExceeded
from dagwarden.ledger.archive import MEMBER_PREFIX, PlainFile, pack_members
from dagwarden.lint.finding import Finding, Severity
from dagwarden.names import PushId, ReleasePath, parse_environment
from dagwarden.push.manifest import PushManifest, Put, encode_manifest, push_id
from dagwarden.push.paths import check_names
from dagwarden.push.rules import find, show
from dagwarden.push.tar import Member, MemberKind, read_tar_gz
from dagwarden.wire import decode, digest

MANIFEST_NAME = "push.json"
MAX_FINDINGS = 500


class UnpackLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a push is taken. What is beyond is not even decompressed."""

    max_unpacked_bytes: int = 256 * 1024 * 1024
    """Everything that comes out of the decompressor: push.json, tar headers and files."""
    max_files: int = 20_000
    """Changes in one push, deletes included."""
    max_file_bytes: int = 16 * 1024 * 1024
    max_manifest_bytes: int = 16 * 1024 * 1024


DEFAULT_LIMITS = UnpackLimits()


class UnpackedPush(msgspec.Struct, frozen=True, kw_only=True):
    """A push as read: whole when `findings` holds no error, else only good for saying what is wrong with it."""

    manifest: PushManifest
    push_id: PushId
    files: dict[ReleasePath, PlainFile]
    findings: tuple[Finding, ...]


def pack(manifest: PushManifest, contents: Mapping[ReleasePath, bytes]) -> bytes:
    """The push as one deterministic gzip tar: `push.json`, then `files/PATH` for each put, sorted by path.

    Args:
        contents: the bytes of each path the manifest puts.
    """
    puts = sorted((change for change in manifest.changes if isinstance(change, Put)), key=lambda put: put.path)
    return pack_members(
        [
            (MANIFEST_NAME, "0644", encode_manifest(manifest)),
            *((MEMBER_PREFIX + put.path, put.mode, contents[put.path]) for put in puts),
        ]
    )


def unpack(content: bytes, limits: UnpackLimits = DEFAULT_LIMITS) -> UnpackedPush:
    """Read a push that anybody may have written. Nothing touches the disk.

    Returns:
        The push and what is wrong with it. `files` holds the puts whose bytes are those the manifest says.

    Raises:
        InvalidInput: it cannot be understood at all: no gzip, no tar, cut short, not beginning with push.json, a
            push.json that is not one in canonical form, or one larger than the limit.
    """
    members = read_tar_gz(
        content,
        max_bytes=limits.max_unpacked_bytes,
        max_member_bytes=max(limits.max_file_bytes, limits.max_manifest_bytes),
    )
    try:
        manifest = _read_manifest(next(members, None), limits)
    except LimitExceeded as error:
        raise _refuse(str(error)) from error
    findings = _check_size(manifest, limits)
    files: dict[ReleasePath, PlainFile] = {}
    if not findings:
        findings = check_names(manifest.changes)
        findings += _take_files(manifest, members, limits, files)
    return UnpackedPush(
        manifest=manifest, push_id=push_id(manifest), files=files, findings=_cut(list(dict.fromkeys(findings)))
    )


def _read_manifest(first: Member | None, limits: UnpackLimits) -> PushManifest:
    if first is None or first.name != MANIFEST_NAME or first.kind is not MemberKind.FILE:
        raise _refuse(f"its first member is not {MANIFEST_NAME}")
    if first.content is None or first.size_bytes > limits.max_manifest_bytes:
        raise _refuse(f"{MANIFEST_NAME} is larger than {limits.max_manifest_bytes:,} bytes")
    manifest = decode(PushManifest, first.content, subject=MANIFEST_NAME)
    parse_environment(manifest.environment)
    if encode_manifest(manifest) != first.content:
        raise _refuse(f"{MANIFEST_NAME} is not in canonical form (keys sorted, no spaces, nothing left over)")
    return manifest


def _check_size(manifest: PushManifest, limits: UnpackLimits) -> list[Finding]:
    """What the manifest alone says is too much; then nothing more is read."""
    stated_bytes = sum(change.size_bytes for change in manifest.changes if isinstance(change, Put))
    findings = []
    if len(manifest.changes) > limits.max_files:
        findings.append(find("too-many-files", "", f"{len(manifest.changes):,} changes, at most {limits.max_files:,}"))
    if stated_bytes > limits.max_unpacked_bytes:
        findings.append(find("push-too-large", "", _say_too_large(limits, f"{stated_bytes:,} bytes of files")))
    return findings


def _take_files(
    manifest: PushManifest, members: Iterator[Member], limits: UnpackLimits, files: dict[ReleasePath, PlainFile]
) -> list[Finding]:
    """Put every member that is what the manifest says into `files`; returns what is wrong with the others."""
    puts = {change.path: change for change in manifest.changes if isinstance(change, Put)}
    seen: set[str] = set()
    findings: list[Finding] = []
    try:
        for member in members:
            path = member.name.removeprefix(MEMBER_PREFIX)
            put = puts.get(ReleasePath(path)) if member.name.startswith(MEMBER_PREFIX) else None
            wrong = _check_member(member, put, limits) if member.name not in seen else "path-duplicate"
            seen.add(member.name)
            if wrong:
                findings.append(find(wrong, path))
            elif put is not None and member.content is not None:
                files[put.path] = PlainFile(put.path, put.mode, member.content)
            if len(findings) > MAX_FINDINGS:
                return findings
    except LimitExceeded:
        return [*findings, find("push-too-large", "", _say_too_large(limits, "more than it stated"))]
    return findings + [find("file-missing", path) for path in puts if MEMBER_PREFIX + path not in seen]


_KIND_RULES: dict[MemberKind, str] = {
    MemberKind.LINK: "path-link",
    MemberKind.DEVICE: "path-device",
    MemberKind.FOLDER: "path-trailing-slash",
}


def _check_member(member: Member, put: Put | None, limits: UnpackLimits) -> str:
    """The id of the rule this member breaks; empty when it is what the manifest says."""
    if member.kind is not MemberKind.FILE:
        return _KIND_RULES[member.kind]
    if put is None:
        return "file-not-listed"
    if member.content is None or member.size_bytes > limits.max_file_bytes:
        return "file-too-large"
    if member.size_bytes != put.size_bytes:
        return "size-mismatch"
    return "" if digest(member.content) == put.sha256 else "digest-mismatch"


def _say_too_large(limits: UnpackLimits, got: str) -> str:
    return f"the push holds {got}; at most {limits.max_unpacked_bytes:,} bytes are taken"


def _cut(findings: list[Finding]) -> tuple[Finding, ...]:
    if len(findings) <= MAX_FINDINGS:
        return tuple(findings)
    more = find("too-many-findings", message=f"more than {MAX_FINDINGS}: the rest is left out", severity=Severity.INFO)
    return (*findings[:MAX_FINDINGS], more)


def _refuse(why: str) -> InvalidInput:
    return InvalidInput(f"not a push: {show(why)}", operation="unpack push", hint="push with git or `dagwarden push`")
