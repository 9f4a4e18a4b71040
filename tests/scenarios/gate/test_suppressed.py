"""What comments in the code allow is counted in the verdict and the audit log, and never where policy forbids it."""

from __future__ import annotations

from dagwarden.audit.entry import Kind
from dagwarden.lint.finding import Severity
from tests.scenarios.gate.desk import POLICY, Desk, push_of

A = "dags/a.py"
BAD = 'from airflow.sdk import BaseHook\nx = BaseHook.get_connection("a")'
ALLOWED = f"{BAD}  # dagwarden: allow connection-get-at-import -- read once a day, by a file of its own\n"
FORBIDDEN = "enforcement:\n  unsuppressable: [connection-get-at-import]\n"


def test_what_is_allowed_in_the_code_is_told_and_counted(desk: Desk) -> None:
    assert desk.deny(desk.push({A: f"{BAD}\n"})) == {"connection-get-at-import"}
    event = desk.push({A: ALLOWED})
    desk.allow(event)
    [note] = desk.verdicts()[push_of(event)].findings
    assert (note.rule, note.severity, note.reason) == (
        "suppressed",
        Severity.INFO,
        "read once a day, by a file of its own",
    )
    entry = desk.audit(Kind.PUSH_VERDICT)[-1]
    assert entry.details["suppressed"] == {"connection-get-at-import": 1}


def test_what_the_policy_lets_nobody_allow_denies(desk: Desk) -> None:
    desk.write_policy(POLICY.format(project=desk.cloud.settings.project) + FORBIDDEN)
    event = desk.push({A: ALLOWED})
    assert desk.deny(event) == {"connection-get-at-import"}
    [finding] = desk.verdicts()[push_of(event)].findings
    assert "the policy lets no comment allow it" in finding.message
    assert finding.clause.startswith("policy.yaml:")
    assert desk.audit(Kind.PUSH_VERDICT)[-1].details["suppressed"] == {}


def test_an_import_that_is_allowed_to_hang_is_counted_too(desk: Desk) -> None:
    tree = {A: "from common.gcp import bucket\n", "dags/common/gcp.py": "def bucket(): ...\n"}
    desk.allow(desk.push(tree, head="c1"))
    text = (
        "from common.gcp import bucket\nfrom common.built import x  # dagwarden: allow import-of-missing-module -- y\n"
    )
    event = desk.push({A: text}, base="c1", head="c2")
    desk.allow(event)
    assert [finding.rule for finding in desk.verdicts()[push_of(event)].findings] == ["suppressed"]
