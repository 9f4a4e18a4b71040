"""`dagwarden verify`: walks the chain, the archives, the bucket and every instance, and compares."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagwarden.cli.options import READS, EnvironmentOption, JsonOption, check_environment, connect
from dagwarden.cli.output import print_json, print_line, print_table
from dagwarden.errors import NotFound, Permanent
from dagwarden.names import BUCKET_COMPONENT, Digest, EnvironmentName, environment_object

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud
    from dagwarden.ledger.verify import Chain, Check

_TREES = "--tree"


def verify(
    environment: EnvironmentOption = None,
    deep: Annotated[bool, typer.Option("--deep", help="Read every byte in the bucket, not only its md5.")] = False,
    tree: Annotated[
        list[Path] | None, typer.Option(_TREES, help="Root of an agent on this machine; reads every byte of it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that the ledger is whole and that the bucket and every instance hold what it says.

    Prints each check and its result; exit code 1 when anything differs or cannot be told, 4 when there is nothing to
    hold against anything.
    """
    from dagwarden.ledger.verify import NO_RELEASE_YET, Result

    connection = connect(environment, *READS)
    checks = list(_check_all(connection.cloud, connection.environment, deep=deep, roots=tree or []))
    if [check.detail for check in checks] == [NO_RELEASE_YET]:
        check_environment(connection)
        raise NotFound(
            "there is no release, no bucket and no instance",
            operation="verify",
            subject=connection.environment,
            hint="release something first",
        )
    differing = [check for check in checks if check.result is not Result.HOLDS]
    if as_json:
        print_json({"environment": connection.environment, "holds": not differing, "checks": checks})
    else:
        print_table(("check", "result", "what"), [(check.name, check.result, check.detail) for check in checks])
        print_line(
            f"{len(differing)} of {len(checks)} checks differ" if differing else f"all {len(checks)} checks hold",
            "bold red" if differing else "bold green",
        )
    if differing:
        raise typer.Exit(1)


def _check_all(cloud: Cloud, environment: EnvironmentName, *, deep: bool, roots: list[Path]) -> Iterator[Check]:
    from dagwarden.ledger.read import Ledger
    from dagwarden.ledger.verify import compare_receipt, verify_archives, verify_chain
    from dagwarden.sync.status import read_statuses
    from dagwarden.sync.trees import Root

    receipts = [status.receipt for status in read_statuses(cloud, environment)]
    trees = [Root(root).current_tree() for root in roots]
    wanted = [receipt.release for receipt in receipts] + [tree.number for tree in trees if tree]
    chain = verify_chain(cloud, Ledger(cloud), environment, wanted)
    yield from chain.checks
    if chain.releases:
        yield verify_archives(cloud, environment, chain.releases)
    yield from _check_bucket(cloud, environment, chain, deep=deep)
    for receipt in receipts:
        if receipt.component != BUCKET_COMPONENT:  # the bucket itself was looked at
            yield compare_receipt(receipt, chain.states)
    for root in roots:
        yield _check_root(root, chain)


def _check_bucket(cloud: Cloud, environment: EnvironmentName, chain: Chain, *, deep: bool) -> Iterator[Check]:
    from dagwarden.ledger.verify import Check, Result, compare_bucket, fail_check, list_bucket, read_bucket
    from dagwarden.policy.environment import load_environment

    name = environment_object(environment)
    try:
        bucket = load_environment(cloud.store.read(name), name).bucket
        if not bucket:
            return
        if chain.head is None:
            yield Check(name=f"bucket {bucket}", result=Result.UNKNOWN, detail="the chain does not hold up to its head")
            return
        live = list_bucket(cloud, bucket)
        yield compare_bucket(bucket, live, chain.head)
        if deep:
            yield read_bucket(cloud, bucket, live, chain.head)
    except NotFound as error:
        if error.subject.endswith(name):
            return  # no environment.yaml: then nothing is mirrored
        yield fail_check("bucket", error)
    except Permanent as error:
        yield fail_check("bucket", error)


def _check_root(root: Path, chain: Chain) -> Check:
    from dagwarden.ledger.verify import Check, Result, compare_files
    from dagwarden.sync.trees import Root

    tree = Root(root).current_tree()
    state = chain.states.get(tree.number) if tree else None
    if tree is None or state is None:
        detail = "no agent has applied a release there" if tree is None else f"runs release {tree.number}"
        return Check(name=f"tree {root}", result=Result.UNKNOWN, detail=detail)
    found = {path: digest for folder in tree.folders for path, digest in _read_files(root / "current", folder)}
    return compare_files(f"tree {root}", found, state, tree.folders)


def _read_files(top: Path, folder: str) -> Iterator[tuple[str, Digest]]:
    for where, folders, files in os.walk(top / folder):
        folders[:] = [name for name in folders if name != "__pycache__"]  # Python writes here while importing
        for name in files:
            path = Path(where, name)
            sha256 = Digest(hashlib.sha256(path.read_bytes()).hexdigest())
            yield path.relative_to(top).as_posix(), sha256
