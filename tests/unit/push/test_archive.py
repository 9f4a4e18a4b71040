"""Unpacking takes what packing made, and nothing else breaks it than the two ways it says."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import tarfile
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.errors import InvalidInput
from dagwarden.lint.finding import Severity
from dagwarden.names import Digest, EnvironmentName, ReleasePath
from dagwarden.push.archive import UnpackLimits, pack, unpack
from dagwarden.push.manifest import Change, Delete, PushManifest, Put, encode_manifest, push_id
from dagwarden.wire import digest

NOON = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)
SMALL = UnpackLimits(max_unpacked_bytes=200_000, max_files=50, max_file_bytes=50_000, max_manifest_bytes=50_000)


def put(path: str, content: bytes = b"x = 1\n") -> Put:
    return Put(path=ReleasePath(path), sha256=digest(content), size_bytes=len(content))


def manifest_of(*changes: Change) -> PushManifest:
    return PushManifest(environment=EnvironmentName("prod"), source="git:1", created_at=NOON, changes=changes)


def tar_of(
    *members: tuple[tarfile.TarInfo, bytes], first: PushManifest | bytes, format_: int = tarfile.PAX_FORMAT
) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=format_) as archive:
        head = first if isinstance(first, bytes) else encode_manifest(first)
        for info, content in ((tarfile.TarInfo("push.json"), head), *members):
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def member(name: str, content: bytes = b"x = 1\n", type_: bytes = tarfile.REGTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = type_
    return info, content if type_ == tarfile.REGTYPE else b""


def rules_of(content: bytes, limits: UnpackLimits = SMALL) -> set[str]:
    found = unpack(content, limits).findings
    assert all(finding.severity is Severity.ERROR and finding.code.startswith("DW8") for finding in found)
    msgspec.json.encode(found)
    return {finding.rule for finding in found}


paths = st.from_regex(r"\A(dags|plugins)(/[a-z0-9_é]{1,60}){1,4}\.py\Z").map(ReleasePath)


@given(st.dictionaries(paths, st.binary(max_size=600), max_size=8), st.lists(paths, max_size=3))
def test_what_was_packed_is_unpacked(contents: dict[ReleasePath, bytes], deletes: list[ReleasePath]) -> None:
    puts = [put(path, content) for path, content in contents.items()]
    goes = [Delete(path=path) for path in dict.fromkeys(deletes) if path not in contents]
    manifest = manifest_of(*puts, *goes)
    content = pack(manifest, contents)
    assert content == pack(manifest, dict(reversed(contents.items())))
    found = unpack(content)
    assert (found.manifest, found.push_id) == (manifest, push_id(manifest))
    assert {path: file.content for path, file in found.files.items()} == contents
    assert {finding.rule for finding in found.findings} <= {
        "path-case-collision",
        "path-folder-and-file",
        "path-not-nfc",
    }


@given(st.binary(max_size=3000))
def test_any_bytes_are_a_push_or_invalid(content: bytes) -> None:
    for attempt in (content, gzip.compress(content)):
        with pytest.raises(InvalidInput):
            unpack(attempt, SMALL)


@given(st.data())
def test_a_damaged_push_is_a_value_or_invalid(data: st.DataObject) -> None:
    contents = {ReleasePath("dags/a.py"): b"a" * 700, ReleasePath("dags/" + "long" * 40 + "/b.py"): b"b"}
    plain = bytearray(gzip.decompress(pack(manifest_of(*(put(p, c) for p, c in contents.items())), contents)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, 5 * 512))
        plain[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        _mend_checksums(plain)
    try:
        found = unpack(gzip.compress(bytes(plain[: data.draw(st.integers(0, len(plain)))])), SMALL)
    except InvalidInput:
        return
    msgspec.json.encode(found)


def _mend_checksums(plain: bytearray) -> None:
    for at in range(0, len(plain) - 512, 512):
        block = plain[at : at + 512]
        if block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            plain[at + 148 : at + 156] = b"%06o\0 " % sum(block)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_is_a_manifest_or_invalid(value: object) -> None:
    with pytest.raises(InvalidInput):
        unpack(tar_of(first=_json(value)), SMALL)


def _json(value: object) -> bytes:
    import json

    return json.dumps(value).encode()


FIELDS: dict[str, object] = {
    "environment": ["Prod", "", "a/b", "../x", 3, "\ud800"],
    "source": [7, "s" * 301, "\ud800"],
    "created_at": ["yesterday", "2026-01-02T12:00:00", 5],
    "format": ["dagwarden/push/v2", None],
    "changes": ["no", [{"do": "chmod", "path": "dags/a.py"}], [{"do": "delete"}], [{"do": "delete", "path": 1}]],
    "rollback_to": [0, -1, 2**70, "1"],
    "message": ["m" * 10_001],
    "authors": [["a"] * 101, "me"],
    "unheard_of": [1],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in FIELDS.items() for value in values])  # type: ignore[attr-defined]
def test_a_push_json_that_says_what_none_says_is_invalid(field: str, value: object) -> None:
    good = msgspec.json.decode(encode_manifest(manifest_of()))
    with pytest.raises(InvalidInput):
        unpack(tar_of(first=_json(dict(sorted({**good, field: value}.items())))), SMALL)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size_bytes", -1),
        ("size_bytes", 2**70),
        ("size_bytes", 1.5),
        ("sha256", "abc"),
        ("sha256", "G" * 64),
        ("mode", "4755"),
        ("mode", "0777"),
        ("more", 1),
    ],
)
def test_a_change_that_says_what_none_says_is_invalid(field: str, value: object) -> None:
    good = msgspec.json.decode(encode_manifest(manifest_of(put("dags/a.py"))))
    good["changes"][0][field] = value
    with pytest.raises(InvalidInput):
        unpack(tar_of(first=msgspec.json.encode(good, order="deterministic") if value != 2**70 else _json(good)), SMALL)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"dags",
        gzip.compress(b""),
        gzip.compress(b"x" * 512),
        gzip.compress(bytes(1024)),
        pack(manifest_of(), {})[:-1],
        pack(manifest_of(), {})[:60],
        gzip.compress(gzip.decompress(pack(manifest_of(), {}))[:512]),
        gzip.compress(gzip.decompress(pack(manifest_of(), {})).rstrip(b"\0") + bytes(512)),
        gzip.compress(gzip.decompress(pack(manifest_of(), {})) + b"more"),
        pack(manifest_of(), {}) + b"more",
        tar_of(first=b" " + encode_manifest(manifest_of())),
        tar_of(first=encode_manifest(manifest_of()) + b"{}"),
        tar_of(first=b"{"),
        tar_of(first=b"[" * 40_000),
        tar_of(first=b" " * 50_001),
        tar_of(member("files/dags/" + "a" * 200), first=manifest_of(), format_=tarfile.GNU_FORMAT),
        tar_of(member("files/dags/a.py", type_=tarfile.GNUTYPE_SPARSE), first=manifest_of()),
        tar_of(member("files/dags/a.py", type_=b"7"), first=manifest_of()),
    ],
)  # fmt: skip
def test_what_is_no_push_is_invalid(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        unpack(content, SMALL)


def test_push_json_must_come_first() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for info, content in (
            member("files/dags/a.py"),
            member("push.json", encode_manifest(manifest_of(put("dags/a.py")))),
        ):
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    with pytest.raises(InvalidInput, match=r"first member is not push\.json"):
        unpack(buffer.getvalue(), SMALL)


@pytest.mark.parametrize(
    "headers", [{"size": "99"}, {"path": "files/dags/a.py", "mtime": "1"}, {"GNU.sparse.major": "1"}]
)
def test_pax_headers_that_say_more_than_a_path_are_invalid(headers: dict[str, str]) -> None:
    info, content = member("files/dags/a.py")
    info.pax_headers = headers
    with pytest.raises(InvalidInput, match="pax"):
        unpack(tar_of((info, content), first=manifest_of(put("dags/a.py"))), SMALL)


A = put("dags/a.py")
LARGE = b"x" * 50_001
CASES: dict[str, Callable[[], bytes]] = {
    "path-link": lambda: tar_of(member("files/dags/a.py", type_=tarfile.SYMTYPE), first=manifest_of(A)),
    "path-device": lambda: tar_of(member("files/dags/a.py", type_=tarfile.CHRTYPE), first=manifest_of(A)),
    "path-trailing-slash": lambda: tar_of(member("files/dags", type_=tarfile.DIRTYPE), first=manifest_of()),
    "path-duplicate": lambda: tar_of(member("files/dags/a.py"), member("files/dags/a.py"), first=manifest_of(A)),
    "size-mismatch": lambda: tar_of(member("files/dags/a.py", b"longer than stated"), first=manifest_of(A)),
    "digest-mismatch": lambda: tar_of(member("files/dags/a.py", b"y = 1\n"), first=manifest_of(A)),
    "file-not-listed": lambda: tar_of(member("files/dags/a.py"), member("files/dags/b.py"), first=manifest_of(A)),
    "file-missing": lambda: tar_of(first=manifest_of(A)),
    "push-too-large": lambda: tar_of(first=manifest_of(*(put(f"dags/{n}.py", b"x" * 40_000) for n in range(6)))),
    "too-many-files": lambda: tar_of(first=manifest_of(*(put(f"dags/{n}.py") for n in range(51)))),
    "file-too-large": lambda: tar_of(member("files/dags/a.py", LARGE), first=manifest_of(put("dags/a.py", LARGE))),
}  # fmt: skip


@pytest.mark.parametrize("rule", CASES)
def test_a_bad_thing_in_a_readable_push_is_a_finding(rule: str) -> None:
    assert rules_of(CASES[rule]()) == {rule}


@pytest.mark.parametrize("type_", [tarfile.LNKTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_of_every_kind_are_findings(type_: bytes) -> None:
    assert rules_of(tar_of(member("files/dags/a.py", type_=type_), first=manifest_of(A))) <= {
        "path-link",
        "path-device",
    }


@pytest.mark.parametrize(
    "path", ["../dags/a.py", "/dags/a.py", "dags/./a.py", "dags//a.py", "data/a.py", "dags/a\nb.py", "dags/\u202e.py"]
)
def test_a_bad_path_in_push_json_is_a_finding_and_its_file_is_not_lost_from_sight(path: str) -> None:
    manifest = manifest_of(put(path))
    found = unpack(pack(manifest, {ReleasePath(path): b"x = 1\n"}), SMALL)
    assert [finding.rule.partition("-")[0] for finding in found.findings] == ["path"]
    assert found.findings[0].path.isprintable()


def test_members_outside_files_are_findings() -> None:
    assert rules_of(tar_of(member("dags/a.py"), member("files/dags/a.py"), first=manifest_of(A))) == {"file-not-listed"}


def test_a_zip_bomb_is_not_decompressed() -> None:
    info = tarfile.TarInfo("files/dags/a.py")
    info.size = 2**33
    head = gzip.decompress(pack(manifest_of(A), {A.path: b"x = 1\n"}))
    head = head[: 512 * 2] + info.tobuf(tarfile.GNU_FORMAT)
    bomb = gzip.compress(head + bytes(20_000_000))
    assert rules_of(bomb) == {"push-too-large"}


def test_a_bomb_in_place_of_push_json_is_invalid() -> None:
    info = tarfile.TarInfo("push.json")
    info.size = 2**33
    with pytest.raises(InvalidInput):
        unpack(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(5_000_000)), SMALL)


def test_zeros_without_end_after_the_archive_are_too_large() -> None:
    bomb = gzip.compress(gzip.decompress(pack(manifest_of(), {})) + bytes(5_000_000))
    assert rules_of(bomb) == {"push-too-large"}


def test_a_file_that_hides_behind_a_negative_size_is_invalid() -> None:
    info = tarfile.TarInfo("files/dags/a.py")
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = b"\xff" * 12
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    plain = gzip.decompress(pack(manifest_of(A), {A.path: b"x = 1\n"}))
    with pytest.raises(InvalidInput, match="negative size"):
        unpack(gzip.compress(plain[: 512 * 2] + bytes(block) + bytes(1024)), SMALL)


def test_findings_past_a_limit_are_counted_not_told() -> None:
    limits = UnpackLimits(max_files=1000)
    found = unpack(tar_of(first=manifest_of(*(put(f"data/{n}.py") for n in range(900)))), limits).findings
    assert len(found) == 501
    assert (found[-1].rule, found[-1].severity) == ("too-many-findings", Severity.INFO)


def test_digests_are_of_canonical_push_json() -> None:
    content = pack(manifest_of(A), {A.path: b"x = 1\n"})
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        first = archive.next()
        assert first is not None
        extracted = archive.extractfile(first)
        assert extracted is not None
        assert unpack(content).push_id == digest(extracted.read()) == Digest(push_id(manifest_of(A)))
