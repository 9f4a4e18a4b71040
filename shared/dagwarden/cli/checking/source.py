"""What `dagwarden check` checks: a folder or a working tree, read as a push of it would be."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from dagwarden.cloud.identity import utc_now
from dagwarden.errors import InvalidInput
from dagwarden.handlers.check import Base
from dagwarden.ledger.state import FileEntry, empty_state
from dagwarden.names import NO_RELEASE, EnvironmentName
from dagwarden.push.archive import DEFAULT_LIMITS
from dagwarden.push.folder import list_folder, list_named
from dagwarden.push.folder_push import FolderOffer, FolderRequest, offer_listing
from dagwarden.push.git import Repository
from dagwarden.push.git_push import name_source
from dagwarden.push.manifest import PushManifest
from dagwarden.push.mapping import Listing, map_files, parse_prefix
from dagwarden.wire import digest


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A folder as it stands, and where it would be pushed from."""

    folder: Path
    listing: Listing
    prefix: str
    repository: Repository | None
    """Whose working tree the folder is, or lies in."""
    is_whole: bool
    """Whether it is the whole working tree: then `git push` would push it, else `dagwarden push`."""
    name: str
    """Empty: named after the folder."""


def read_source(folder: Path, name: str, prefix: str, *, needs_name: bool) -> Source:
    """Read the folder: of a working tree, all that git tracks or would if it were added.

    Args:
        needs_name: whether anything hangs on the name of the source.

    Raises:
        InvalidInput: there is no such folder, nothing in it can be released, or it cannot be read.
    """
    if not folder.is_dir():
        raise InvalidInput("is no folder", operation="check", subject=str(folder))
    repository = Repository(str(folder)) if shutil.which("git") else None
    top = repository.find_top() if repository else ""
    is_whole = bool(top) and Path(top).resolve() == folder.resolve()
    if repository and is_whole:
        config = dict(repository.read_config())
        name = name or config.get("dagwarden.source", "")
        prefix = prefix or config.get("dagwarden.prefix", "")
        head = repository.find_commit("HEAD")
        if head and needs_name and not name:
            name = name_source(repository, head, parse_prefix(prefix))
        listing = list_named(folder, repository.list_work_tree(), parse_prefix(prefix))
    else:
        listing = list_folder(folder, parse_prefix(prefix))
    if not listing.files and not listing.findings:
        raise InvalidInput("holds no file that could be released", operation="check", subject=str(folder))
    return Source(
        folder=folder,
        listing=listing,
        prefix=prefix,
        repository=repository if top else None,
        is_whole=is_whole,
        name=name or f"folder:{folder.resolve().name}"[:300],
    )


def offer_source(source: Source, base: Base, ref: str) -> FolderOffer:
    """The push that it would be on top of a base: a dry run.

    Raises:
        InvalidInput: a file cannot be read.
    """
    request = FolderRequest(
        environment=base.state.environment, source=source.name, prefix=source.prefix, is_dry_run=True
    )
    offered = offer_listing(source.folder, source.listing, request, base.state, utc_now)
    manifest = msgspec.structs.replace(offered.manifest, ref=ref)
    if source.repository and source.is_whole:
        manifest = _tell_commit(manifest, source.repository, ref)
    return msgspec.structs.replace(offered, manifest=manifest)


def read_base(source: Source, since: str, environment: EnvironmentName) -> Base:
    """The newest commit that HEAD and another have in common, as if it were released.

    Raises:
        InvalidInput: it is no commit of this repository, or the folder lies in none.
    """
    if source.repository is None:
        raise _no_base(since, "the folder is not the topmost of a git repository", "check that one, or leave it out")
    repository = source.repository
    other, head = repository.find_commit(since), repository.find_commit("HEAD")
    if not other or not head:
        raise _no_base(since, "no such commit or branch is here", "git fetch, or name one of `git branch --all`")
    commit = repository.find_merge_base(other, head)
    if not commit:
        raise _no_base(since, "has nothing in common with what is checked out", "name a commit it came from")
    files = _read_commit(repository, source, commit)
    state = msgspec.structs.replace(
        empty_state(environment), files={entry.path: entry for entry, _ in files}, sources={source.name: commit}
    )
    return Base(state, {entry.path: content for entry, content in files})


def _no_base(since: str, why: str, hint: str) -> InvalidInput:
    return InvalidInput(why, operation="check", subject=f"--changed-since {since}", hint=hint)


def _read_commit(repository: Repository, source: Source, commit: str) -> list[tuple[FileEntry, bytes]]:
    inside = source.folder.resolve().relative_to(Path(repository.find_top()).resolve()).as_posix()
    start = "" if inside == "." else f"{inside}/"
    tree = repository.list_tree(commit)
    inner = [(path.removeprefix(start), file) for path, file in tree.files if path.startswith(start)]
    listing = map_files(inner, (), parse_prefix(source.prefix))
    blobs = repository.read_blobs((file.key for file in listing.files.values()), DEFAULT_LIMITS.max_unpacked_bytes)
    found = []
    for path, file in listing.files.items():
        content = blobs[file.key]
        entry = FileEntry(
            path=path,
            sha256=digest(content),
            md5="",
            size_bytes=len(content),
            mode=file.mode,
            release=NO_RELEASE,
            source=source.name,
        )
        found.append((entry, content))
    return found


def _tell_commit(manifest: PushManifest, repository: Repository, ref: str) -> PushManifest:
    """The same as `git push` would tell it of the commit that is checked out."""
    manifest = msgspec.structs.replace(manifest, ref=ref or repository.find_branch())
    head = repository.find_commit("HEAD")
    if not head:
        return manifest
    known = repository.find_commit(manifest.base_commit) if manifest.base_commit else ""
    return msgspec.structs.replace(
        manifest,
        head_commit=head,
        authors=repository.list_authors(known, head),
        message=repository.read_message(head),
    )
