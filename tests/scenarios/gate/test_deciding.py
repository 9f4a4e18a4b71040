"""What the gate says to pushes, well meant and not: a verdict each, whatever they are."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client

from dagwarden.audit.entry import Kind
from dagwarden.events.objects import ObjectEvent
from dagwarden.lint.finding import Severity
from dagwarden.names import PushId
from dagwarden.policy.verdict import Outcome, say_outcome
from dagwarden.push.archive import pack
from dagwarden.push.manifest import encode_manifest, push_id
from dagwarden.wire import digest
from tests.scenarios.gate.desk import POLICY, PROD, Desk, event_of, push_of

A, B = "dags/a.py", "dags/b.py"
IMAGE = (
    'from airflow.providers.docker.operators.docker import DockerOperator\nDockerOperator(task_id="a", image="ubuntu")'
)


# ---- who pushes --------------------------------------------------------------------------------------------------


def test_an_unsigned_push_is_denied(desk: Desk) -> None:
    assert desk.deny(desk.push({A: "a = 1\n"}, is_signed=False)) == {"unattested-push"}
    desk.check()


def test_an_attestation_for_another_push_is_denied(desk: Desk) -> None:
    other = push_of(desk.push({A: "a = 1\n"}))
    assert "attestation-invalid" in desk.deny(desk.push({B: "b = 1\n"}, signed_for=other))


NO_TOKENS = ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "\u2028" * 50]


def test_attestations_that_are_none_are_denied(desk: Desk) -> None:
    for token in NO_TOKENS:
        manifest = desk.make_manifest({A: "a = 1\n"})
        content = pack(manifest, {change.path: b"a = 1\n" for change in manifest.changes})
        event = desk.put_push(push_id(manifest), content)
        given = {"dagwarden-attestation": token}
        rules = desk.deny(_with_metadata(event, given))
        assert rules <= {"unattested-push", "attestation-invalid"}


def _with_metadata(event: ObjectEvent, metadata: dict[str, str]) -> ObjectEvent:
    import msgspec

    return msgspec.structs.replace(event, metadata=metadata)


# ---- by which policy ---------------------------------------------------------------------------------------------


def test_without_a_policy_nothing_is_allowed(desk: Desk) -> None:
    desk.remove_policy()
    assert desk.deny(desk.push({A: "a = 1\n"})) == {"policy-missing"}
    assert "policy-missing" in desk.deny(desk.push({B: "b = 1\n"}, is_signed=False))
    desk.check()


def test_without_a_policy_notes_and_warnings_stay_what_they_are(desk: Desk) -> None:
    desk.remove_policy()
    event = desk.push({A: IMAGE + "  # dagwarden: allow latest-image -- tried out\n"})
    desk.deny(event)
    verdict = desk.verdicts()[push_of(event)]
    severities = {finding.rule: finding.severity for finding in verdict.findings}
    assert severities.pop("policy-missing") is Severity.ERROR
    assert severities == {"suppressed": Severity.INFO}
    assert say_outcome(verdict) == "denied: 1 error, 1 note; nothing is released yet"
    [entry] = desk.audit(Kind.PUSH_VERDICT)
    assert entry.why.reason == "denied: 1 error, 1 note; nothing is released yet: policy-missing"


def test_what_the_policy_switches_off_is_counted_in_verdict_and_audit(desk: Desk) -> None:
    off = "enforcement:\n  rules:\n    latest-image: 'off'\n"
    desk.write_policy(POLICY.format(project=desk.cloud.settings.project) + off)
    event = desk.push({A: IMAGE})
    desk.allow(event)
    verdict = desk.verdicts()[push_of(event)]
    assert (verdict.findings, verdict.switched_off, verdict.files_changed) == ((), 1, 1)
    [entry] = desk.audit(Kind.PUSH_VERDICT)
    assert entry.details["switched_off"] == 1
    assert entry.why.reason == "allowed as the first release (1 file changed); no findings"


BROKEN_POLICIES = ["", "{", "pushers: []", "\x00", "apiVersion: dagwarden/v1\nkind: Policy\nnew: 1\n"]


def test_with_a_broken_policy_nothing_is_allowed(desk: Desk) -> None:
    for text in BROKEN_POLICIES:
        desk.write_policy(text)
        assert desk.deny(desk.push({A: "a = 1\n"})) == {"policy-unreadable"}


def test_a_policy_that_switches_all_rules_off_still_lets_no_broken_push_in(desk: Desk) -> None:
    off = POLICY.format(project=desk.cloud.settings.project) + "enforcement:\n  default: 'off'\n"
    desk.write_policy(off)
    assert "push-unreadable" in desk.deny(desk.put_push(PushId("0" * 64), b"rubbish"))
    manifest = desk.make_manifest({A: "a = 1\n"})
    content = pack(manifest, {change.path: b"a = 1\n" for change in manifest.changes})
    assert "push-misnamed" in desk.deny(desk.put_push(PushId("1" * 64), content, desk.sign(PushId("1" * 64))))


def test_findings_of_lint_deny_and_name_file_and_line(desk: Desk) -> None:
    event = desk.push({A: "a = 1\nb = = 2\n"})
    desk.deny(event)
    [finding] = desk.verdicts()[push_of(event)].findings
    assert (finding.path, finding.severity) == (A, "error")
    desk.check()


# ---- on top of what ----------------------------------------------------------------------------------------------


def test_a_source_that_moved_on_refuses_what_stands_on_the_old_commit(desk: Desk) -> None:
    desk.allow(desk.push({A: "a = 1\n"}, head="c1"))
    desk.allow(desk.push({A: "a = 2\n"}, base="c1", head="c2"))
    assert desk.deny(desk.push({A: "a = 3\n"}, base="c1", head="c3")) == {"push-not-fast-forward"}
    assert desk.deny(desk.push({A: "a = 3\n"}, head="c3")) == {"push-not-fast-forward"}
    assert desk.allow(desk.push({A: "a = 3\n"}, base="c1", head="c3", force=True)) == 3
    assert desk.releases()[2].release.forced
    desk.check()


def test_force_is_for_those_whom_policy_lets(desk: Desk) -> None:
    desk.allow(desk.push({A: "a = 1\n"}, head="c1"))
    desk.write_policy(POLICY.format(project=desk.cloud.settings.project).replace("push, force, rollback", "push"))
    assert desk.deny(desk.push({A: "a = 2\n"}, head="c2", force=True)) == {"force-not-allowed"}
    assert desk.deny(desk.push({A: "a = 2\n"}, base="c1", head="c2", force=True, lease=True)) == {"force-not-allowed"}
    assert desk.deny(desk.push(rollback_to=1)) == {"rollback-not-allowed"}


def test_a_lease_forces_only_what_stands_on_what_is_released(desk: Desk) -> None:
    desk.allow(desk.push({A: "a = 1\n"}, head="c1"))
    desk.allow(desk.push({B: "b = 1\n"}, source="theirs", head="t1"))
    stale = desk.push({A: "a = 3\n"}, base="c0", head="c3", force=True, lease=True)
    assert desk.deny(stale) == {"push-not-fast-forward"}
    theirs = desk.push({B: "b = 2\n"}, base="c1", head="c3", force=True, lease=True)
    assert desk.deny(theirs) == {"file-of-another-source"}
    assert desk.allow(desk.push({A: "a = 3\n"}, base="c1", head="c3", force=True, lease=True)) == 3
    assert desk.releases()[2].release.forced
    desk.check()


def test_sources_that_keep_to_their_own_files_do_not_disturb_each_other(desk: Desk) -> None:
    ours = desk.push({A: "a = 1\n"}, source="ours", head="o1")
    theirs = desk.push({B: "b = 1\n"}, source="theirs", head="t1")
    more = desk.push({A: "a = 2\n"}, source="ours", base="o1", head="o2")
    assert [desk.allow(event) for event in (ours, theirs, more)] == [1, 2, 3]
    assert desk.state().sources == {"ours": "o2", "theirs": "t1"}
    desk.check()


def test_a_file_of_another_source_is_left_alone(desk: Desk) -> None:
    desk.allow(desk.push({A: "a = 1\n"}, source="ours", head="o1"))
    assert desk.deny(desk.push({A: "a = 2\n"}, source="theirs")) == {"file-of-another-source"}
    assert desk.deny(desk.push(deletes=(A,), source="theirs")) == {"file-of-another-source"}
    assert desk.deny(desk.drop(A, "a = 3\n")) == {"file-of-another-source"}
    desk.allow(desk.push({A: "a = 2\n"}, source="theirs", force=True))
    assert desk.state().files[A].source == "theirs"  # type: ignore[index]
    desk.check()


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("dags/team/A.py", "path-case-collision"),
        ("dags/Team/b.py", "path-case-collision"),
        ("dags/team", "path-folder-and-file"),
        ("dags/team/a.py/b.py", "path-folder-and-file"),
    ],
)
def test_a_path_that_collides_with_the_standing_tree_is_denied(desk: Desk, path: str, rule: str) -> None:
    desk.allow(desk.push({"dags/team/a.py": "a = 1\n"}, source="ours"))
    assert desk.deny(desk.push({path: "x = 1\n"}, source="theirs")) == {rule}
    desk.check()


# ---- rollback, dry run, nothing to do ----------------------------------------------------------------------------


def test_a_rollback_restores_tree_sources_and_owners(desk: Desk) -> None:
    desk.allow(desk.push({A: "a = 1\n", "dags/c.py": "c = 1\n"}, source="ours", head="o1"))
    desk.allow(desk.push({B: "b = 1\n"}, source="theirs", head="t1"))
    before, tree = desk.state(), desk.tree()
    desk.allow(
        desk.push({A: "a = 2\n", "dags/d.py": "d = 1\n"}, deletes=("dags/c.py",), source="ours", base="o1", head="o2")
    )
    desk.allow(desk.push({B: "b = 2\n"}, source="ours", base="o2", head="o3", force=True))
    event = desk.push(source="dagwarden", rollback_to=2)
    assert desk.allow(event) == 5
    after = desk.state()
    assert (after.tree, after.sources, desk.tree()) == (before.tree, before.sources, tree)
    owners = {path: entry.source for path, entry in before.files.items()}
    assert {path: entry.source for path, entry in after.files.items()} == owners
    assert len(desk.audit(Kind.RELEASE_ROLLED_BACK, push_of(event))) == 1
    assert desk.deny(desk.push({A: "a = 3\n"}, source="ours", base="o3", head="o4")) == {"push-not-fast-forward"}
    assert desk.allow(desk.push({A: "a = 3\n"}, source="ours", base="o1", head="o4")) == 6
    desk.check()


def test_a_rollback_to_nowhere_is_denied(desk: Desk) -> None:
    desk.allow(desk.push({A: "a = 1\n"}))
    assert desk.deny(desk.push(source="dagwarden", rollback_to=7)) == {"rollback-target-missing"}
    desk.check()


def test_a_rollback_delivered_twice_rolls_back_once(desk: Desk) -> None:
    desk.allow(desk.push({A: "a = 1\n"}, head="c1"))
    desk.allow(desk.push({A: "a = 2\n"}, base="c1", head="c2"))
    event = desk.push(source="dagwarden", rollback_to=1)
    assert desk.allow(event) == 3
    desk.allow(desk.push({A: "a = 4\n"}, base="c1", head="c4"))
    desk.restart()
    assert desk.allow(event) == 3
    assert desk.tree() == {A: "a = 4\n"}
    desk.check()


def test_a_dry_run_is_judged_and_released_never(desk: Desk) -> None:
    event = desk.push({A: "a = 1\n"}, dry_run=True)
    verdict = desk.deliver(event)
    assert verdict is not None
    assert (verdict.outcome, verdict.dry_run, verdict.release) == (Outcome.ALLOWED, True, None)
    assert desk.deny(desk.push({A: "a = = 1\n"}, dry_run=True))
    assert desk.head() == 0
    desk.check()


def test_a_push_that_changes_nothing_is_allowed_and_makes_no_release(desk: Desk) -> None:
    desk.allow(desk.push({A: "a = 1\n"}, head="c1"))
    for event in (
        desk.push({A: "a = 1\n"}, base="c1", head="c2"),
        desk.push(deletes=(B,), base="c1", head="c2"),
        desk.push(base="c1", head="c2"),
        desk.push(rollback_to=1, source="dagwarden"),
    ):
        verdict = desk.deliver(event)
        assert verdict is not None
        assert (verdict.outcome, verdict.release, desk.head()) == (Outcome.ALLOWED, None, 1)
        assert say_outcome(verdict) == "nothing to release: release 1 already is this"
        [entry] = desk.audit(Kind.PUSH_VERDICT, push_of(event))
        assert entry.why.reason == "nothing to release: release 1 already is this; no findings"
    desk.check()


# ---- raw drops ---------------------------------------------------------------------------------------------------


def test_a_raw_drop_becomes_a_release(desk: Desk) -> None:
    assert desk.allow(desk.drop(A, "a = 1\n")) == 1
    assert desk.allow(desk.drop(B, "b = 1\n")) == 2
    assert desk.tree() == {A: "a = 1\n", B: "b = 1\n"}
    desk.check()


def test_raw_drops_are_taken_only_where_policy_says_so(desk: Desk) -> None:
    desk.write_policy(POLICY.format(project=desk.cloud.settings.project).replace("allowed: true", "allowed: false"))
    assert desk.deny(desk.drop(A, "a = 1\n")) == {"raw-drop-not-allowed"}


def test_a_gzip_encoded_raw_drop_is_denied(desk: Desk) -> None:
    cloud = desk.cloud
    client = Client(project=cloud.settings.project, credentials=AnonymousCredentials())
    blob = client.bucket(cloud.inbox.name).blob(f"{PROD}/{A}")
    blob.content_encoding = "gzip"
    blob.upload_from_string(gzip.compress(b"a = 1\n"))
    client.close()
    info = cloud.inbox.stat(f"{PROD}/{A}")
    assert info is not None
    assert "raw-drop-encoded" in desk.deny(event_of(info))
    desk.check()


BAD_NAMES = ["dags/", "dags//a.py", "dags/../a.py", "dags/./a.py", "dags/e\u0301.py"]


def test_raw_drops_with_bad_names_are_denied(desk: Desk) -> None:
    for path in BAD_NAMES:
        desk.deny(desk.drop(path, "a = 1\n"))
    desk.check()


# ---- hostile bytes -----------------------------------------------------------------------------------------------


def _tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _link(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return info


HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "no gzip": b"PK\x03\x04" * 100,
    "no tar": gzip.compress(b"hello" * 1000),
    "cut short": gzip.compress(bytes(10_000))[:-20],
    "bomb": gzip.compress(bytes(300 * 1024 * 1024), compresslevel=1),
    "no manifest": _tar((tarfile.TarInfo("files/dags/a.py"), b"a = 1\n")),
    "link for a manifest": _tar((_link("push.json"), b"")),
    "manifest is no json": _tar((tarfile.TarInfo("push.json"), b"{")),
    "manifest nests": _tar((tarfile.TarInfo("push.json"), b"[" * 100_000)),
    "manifest is a list": _tar((tarfile.TarInfo("push.json"), b"[]")),
    "lone surrogate": _tar((tarfile.TarInfo("push.json"), rb'{"source":"\ud800"}')),
}


def test_hostile_archives_end_as_denied_verdicts(desk: Desk) -> None:
    for name, content in HOSTILE.items():
        named = PushId(digest(name.encode()))
        assert "push-unreadable" in desk.deny(desk.put_push(named, content, desk.sign(named))), name
    desk.check()


HOSTILE_NAMES = [
    ("/etc/passwd", "path-absolute"),
    ("dags/../../etc/passwd", "path-parent"),
    ("data/a.csv", "path-outside-folders"),
    ("dags/" + "a" * 1100, "path-too-long"),
    ("dags/a\x00.py", "path-nul"),
    ("dags/a/", "path-trailing-slash"),
]


def test_hostile_names_end_as_denied_verdicts(desk: Desk) -> None:
    for path, rule in HOSTILE_NAMES:
        manifest = desk.make_manifest({path: "x"})
        named = push_id(manifest)
        content = _tar(
            (tarfile.TarInfo("push.json"), encode_manifest(manifest)),
            (tarfile.TarInfo("files/dags/other.py"), b"x"),
        )
        assert rule in desk.deny(desk.put_push(named, content, desk.sign(named)))
    desk.check()


def test_more_bytes_than_may_be_are_not_even_read(desk: Desk) -> None:
    policy = POLICY.format(project=desk.cloud.settings.project).replace(
        "limits:\n", "limits:\n  max_file_bytes: 1000\n  max_push_bytes: 5000\n"
    )
    desk.write_policy(policy)
    assert desk.deny(desk.drop(A, "# " + "a" * 2000)) == {"file-too-large"}
    assert "push-too-large" in desk.deny(desk.put_push(PushId("2" * 64), b"\x1f\x8b" + bytes(20_000)))
    assert "file-too-large" in desk.deny(desk.push({A: "# " + "a" * 2000}))
    desk.check()


STRAINS = [
    "(" * 50_000,
    "x = " + "-" * 50_000 + "1\n",
    "\ufeffa = 1\n" * 3,
    "# coding: rot13\na = 1\n",
    "a = 1\x00\n",
    "if 1:\n" + "".join(" " * depth + "if 1:\n" for depth in range(1, 120)),
    "a = '" + "\\N{" * 1000 + "'\n",
    "a." * 20_000 + "b\n",
]


def test_source_that_strains_the_compiler_gets_its_verdict(desk: Desk) -> None:
    for text in STRAINS:
        verdict = desk.deliver(desk.push({A: text}, source=digest(text.encode()), force=True))
        assert verdict is not None, text[:20]
    desk.check()


def test_hundreds_of_paths_in_one_release(desk: Desk) -> None:
    files = {f"dags/team_{number % 20}/etl_{number}.py": f"number = {number}\n" for number in range(400)}
    assert desk.allow(desk.push(files, head="c1")) == 1
    deletes = tuple(sorted(files))[:150]
    assert desk.allow(desk.push({"dags/new.py": "a = 1\n"}, deletes=deletes, base="c1", head="c2")) == 2
    left = {path: text for path, text in files.items() if path not in deletes}
    assert desk.tree() == left | {"dags/new.py": "a = 1\n"}
    desk.check()
