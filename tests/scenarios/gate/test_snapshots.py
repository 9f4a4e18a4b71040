"""Snapshots keep restoring cheap, and are believed only when the gate has proved them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from dagwarden.cloud.clients import Cloud
from dagwarden.ledger.archive import PlainFile, pack_files
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.snapshot import ARCHIVE
from dagwarden.names import ReleaseNumber, ReleasePath, snapshot_archive_object, snapshot_state_object
from dagwarden.wire import digest
from localcloud.calls import Fault
from localcloud.testing import RunningCloud
from tests.scenarios.gate.desk import PROD, Desk
from tests.scenarios.gate.killed import is_killed
from tests.scenarios.gate.test_faults import Chain

EVERY = 3


@pytest.fixture
def cloud(cloud: Cloud) -> Cloud:
    """One that writes a snapshot every three releases."""
    return Cloud(msgspec.structs.replace(cloud.settings, snapshot_every=EVERY), cloud.credentials)


def last_snapshot(desk: Desk) -> int:
    """Which snapshot the head restores from."""
    return desk.releases()[-1].release.restore.snapshot


def spoil(desk: Desk, name: str, content: bytes, metadata: dict[str, str]) -> None:
    """Somebody who may write the store writes over an object in it."""
    desk.cloud.store.write(name, content, generation=None, content_type="application/json", metadata=metadata)


def test_restoring_takes_a_snapshot_and_the_deltas_after_it(desk: Desk, cloud_server: RunningCloud) -> None:
    chain = Chain(desk)
    for number in range(1, 11):
        desk.allow(chain.push())
        desk.allow(desk.push({f"dags/f{number}.py": "x = 1\n"}, source=f"s{number}"))
        ledger = Ledger(desk.cloud)
        head = ledger.find_head(PROD)
        assert head is not None
        cloud_server.admin.reset_counts()
        ledger.restore(PROD, head)
        assert cloud_server.admin.count("storage", "objects.download") <= EVERY + 1  # the head's own is the other one
    assert last_snapshot(desk) >= 20 - EVERY - 1
    assert len(desk.tree()) == 11
    cloud_server.admin.reset_counts()
    assert Ledger(desk.cloud).state(PROD) == desk.gate._ledger.state(PROD)
    desk.check()


def test_a_gate_does_not_read_again_what_it_has_written_itself(desk: Desk, cloud_server: RunningCloud) -> None:
    chain = Chain(desk)
    for _ in range(EVERY):
        desk.allow(chain.push())
    next_push = chain.push()
    cloud_server.admin.reset_counts()
    archive = cloud_server.admin.plan("storage", "delay", method="objects.download", subject="*/snapshots/*", times=99)
    desk.allow(next_push)
    assert last_snapshot(desk) == EVERY
    assert cloud_server.admin.struck(archive) == 0
    desk.check()


def test_pushes_that_come_while_a_snapshot_is_written_do_not_write_another(
    desk: Desk, cloud_server: RunningCloud
) -> None:
    chain = Chain(desk)
    for _ in range(EVERY - 1):
        desk.allow(chain.push())
    due, meanwhile = chain.push(), chain.push()
    archive = snapshot_archive_object(PROD, ReleaseNumber(EVERY))
    slow = cloud_server.admin.plan(
        "storage", "delay", method="objects.insert", subject=f"{desk.cloud.store.name}/{archive}", delay_s=2.0
    )
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(desk.allow, due)
        deadline = time.monotonic() + 10.0
        while cloud_server.admin.struck(slow) == 0:
            assert time.monotonic() < deadline
        desk.allow(meanwhile)
        assert not writing.done()
        writing.result()
    written = [info.name for info in desk.cloud.store.list(f"{PROD}/snapshots/") if info.name.endswith(".tar.gz")]
    assert written == [archive]


Spoil = Callable[[Desk, ReleaseNumber], None]


def _other_state(desk: Desk, at: ReleaseNumber) -> None:
    name = snapshot_state_object(PROD, at)
    content, info = desk.cloud.store.read_with_info(name)
    spoil(desk, name, content.replace(b"team", b"evil"), {ARCHIVE: info.metadata[ARCHIVE]})


def _no_metadata(desk: Desk, at: ReleaseNumber) -> None:
    name = snapshot_state_object(PROD, at)
    spoil(desk, name, desk.cloud.store.read(name), {})


def _other_archive(desk: Desk, at: ReleaseNumber) -> None:
    archive = pack_files([PlainFile(ReleasePath("dags/evil.py"), "0644", b"evil = 1\n")])
    spoil(desk, snapshot_archive_object(PROD, at), archive, {})


def _other_archive_well_named(desk: Desk, at: ReleaseNumber) -> None:
    _other_archive(desk, at)
    name = snapshot_state_object(PROD, at)
    archive = desk.cloud.store.read(snapshot_archive_object(PROD, at))
    spoil(desk, name, desk.cloud.store.read(name), {ARCHIVE: digest(archive)})


def _no_archive(desk: Desk, at: ReleaseNumber) -> None:
    info = desk.cloud.store.stat(snapshot_archive_object(PROD, at))
    assert info is not None
    desk.cloud.store.delete(info.name, generation=info.generation)


def _rubbish(desk: Desk, at: ReleaseNumber) -> None:
    spoil(desk, snapshot_archive_object(PROD, at), b"rubbish", {})


SPOILS: list[Spoil] = [_other_state, _no_metadata, _other_archive, _other_archive_well_named, _no_archive, _rubbish]


@pytest.mark.parametrize("spoil_snapshot", SPOILS)
def test_a_spoilt_snapshot_is_passed_over_and_the_next_one_taken(desk: Desk, spoil_snapshot: Spoil) -> None:
    chain = Chain(desk)
    for _ in range(EVERY):
        desk.allow(chain.push())
    spoil_snapshot(desk, ReleaseNumber(EVERY))
    desk.allow(chain.push())
    assert last_snapshot(desk) == 0
    desk.allow(chain.push())
    assert last_snapshot(desk) == EVERY + 1
    desk.restart()
    desk.allow(chain.push())
    assert desk.tree() == {"dags/a.py": f"a = {EVERY + 3}\n"}
    desk.check()


@pytest.mark.parametrize("nth", [5, 6])
def test_killed_while_it_writes_a_snapshot_the_gate_writes_the_next_one(
    desk: Desk, cloud_server: RunningCloud, cloud_environ: dict[str, str], tmp_path: Path, nth: int
) -> None:
    chain = Chain(desk)
    for _ in range(EVERY - 1):
        desk.allow(chain.push())
    event = chain.push()
    fault = Fault(service="storage", action="crash", method="objects.insert", nth=nth)
    assert is_killed(
        cloud_server, desk.cloud.settings, event, fault, key=tmp_path / "gate-key.json", environ=cloud_environ
    )
    assert desk.allow(event) == EVERY
    assert (desk.cloud.store.stat(snapshot_archive_object(PROD, EVERY)) is not None) == (nth == 6)  # type: ignore[arg-type]
    assert desk.cloud.store.stat(snapshot_state_object(PROD, EVERY)) is None  # type: ignore[arg-type]
    for _ in range(3):
        desk.allow(chain.push())
    assert last_snapshot(desk) > EVERY
    desk.check()


def test_other_bytes_under_the_name_of_a_delta_stop_the_release(desk: Desk, cloud_server: RunningCloud) -> None:
    """Nobody could apply it: the push waits until they are gone, and is released then."""
    from dagwarden.audit.entry import Kind
    from dagwarden.errors import Unavailable

    archive = pack_files([PlainFile(ReleasePath("dags/a.py"), "0644", b"a = 1\n")])
    name = f"{PROD}/deltas/{digest(archive)}.tar.gz"
    spoil(desk, name, b"rubbish", {})
    event = Chain(desk).push()
    with pytest.raises(Unavailable, match="other bytes"):
        desk.gate.handle(event)
    assert desk.head() == 0
    assert [entry.environment for entry in desk.audit(Kind.HISTORY_TAMPERED)] == [PROD]
    info = desk.cloud.store.stat(name)
    assert info is not None
    desk.cloud.store.delete(name, generation=info.generation)
    assert desk.allow(event) == 1
    desk.check()
