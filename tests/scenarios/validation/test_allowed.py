"""Comments in the code reach what imports find at the gate, and findings within zip files are told."""

from __future__ import annotations

import io
import zipfile

from dagwarden.audit.entry import Kind
from dagwarden.ledger.archive import PlainFile
from dagwarden.names import ReleasePath
from dagwarden.policy.verdict import Verdict
from dagwarden.push.archive import pack
from dagwarden.push.manifest import Put, push_id
from dagwarden.wire import digest
from tests.scenarios.gate.desk import Desk, push_of
from tests.scenarios.validation.conftest import IMPORTING
from tests.scenarios.validation.test_validation import A, dag

STARTS = """\
import contextlib, subprocess
with contextlib.suppress(OSError):
    subprocess.run(['true'])"""
ALLOW = "  # dagwarden: allow subprocess-at-import -- the tool of the platform team"
FORBIDDEN = "enforcement:\n  unsuppressable: [subprocess-at-import]\n"


def test_a_comment_allows_what_the_import_did_and_is_counted(desk: Desk) -> None:
    assert "subprocess-at-import" in desk.deny(desk.push({A: dag("a", STARTS)}))
    event = desk.push({A: dag("a", STARTS + ALLOW)})
    desk.allow(event)
    notes = [each for each in desk.verdicts()[push_of(event)].findings if each.allows is not None]
    assert ("subprocess-at-import", 5) in [(note.allows.rule, note.line) for note in notes if note.allows]
    assert desk.audit(Kind.PUSH_VERDICT)[-1].details["suppressed"]["subprocess-at-import"] == 1


def test_what_the_policy_lets_no_comment_allow_denies(desk: Desk) -> None:
    desk.write_policy(IMPORTING.format(project=desk.cloud.settings.project) + FORBIDDEN)
    assert "subprocess-at-import" in desk.deny(desk.push({A: dag("a", STARTS + ALLOW)}))


def test_a_broken_import_is_allowed_by_no_comment(desk: Desk) -> None:
    text = dag("a", "raise ValueError  # dagwarden: allow import-error -- it works in the environment")
    assert {"import-error", "unused-suppression"} <= desk.deny(desk.push({A: text}))


def push_zip(desk: Desk, members: dict[str, str]) -> Verdict | None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    file = PlainFile(ReleasePath("dags/x.zip"), "0644", buffer.getvalue())
    put = Put(path=file.path, sha256=digest(file.content), size_bytes=len(file.content))
    manifest = desk.make_manifest()
    manifest = type(manifest)(environment=desk.environment, source="zips", created_at=manifest.created_at,
                              changes=(put,), nonce=manifest.nonce)  # fmt: skip
    named = push_id(manifest)
    return desk.deliver(desk.put_push(named, pack(manifest, {file.path: file.content}), desk.sign(named)))


def test_what_a_file_within_a_zip_file_did_is_told_with_its_line(desk: Desk) -> None:
    verdict = push_zip(desk, {"first.py": dag("a", STARTS)})
    assert verdict is not None
    assert ("subprocess-at-import", "dags/x.zip/first.py", 5) in [
        (finding.rule, finding.path, finding.line) for finding in verdict.findings
    ]
    allowed = push_zip(desk, {"first.py": dag("a", STARTS + ALLOW)})
    assert allowed is not None
    assert "subprocess-at-import" not in [finding.rule for finding in allowed.findings]
    assert allowed.release == 1
