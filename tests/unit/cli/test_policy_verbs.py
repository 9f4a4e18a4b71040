"""`policy apply`, `restore`, `show` and `impact`, `explain` and `approve`, as a person runs them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import msgspec
import pytest
from tests.scenarios.gate.desk import POLICY, PROD, Desk, push_of
from tests.unit.cli.conftest import Dagwarden

from dagwarden.audit.entry import Kind
from dagwarden.cloud.clients import Cloud
from dagwarden.lint.finding import Finding, Severity
from dagwarden.names import policy_object, verdict_object
from dagwarden.policy.verdict import Outcome, Verdict
from dagwarden.wire import decode, digest, encode
from localcloud.testing import RunningCloud


@pytest.fixture
def desk(cloud: Cloud) -> Desk:
    return Desk(cloud)


def write(folder: Path, desk: Desk, more: str = "") -> Path:
    file = folder / "policy.yaml"
    file.write_text(POLICY.format(project=desk.cloud.settings.project) + more)
    return file


def test_a_policy_is_applied_audited_and_restored(dagwarden: Dagwarden, desk: Desk, tmp_path: Path) -> None:
    first = desk.cloud.store.read(policy_object(PROD))
    file = write(tmp_path, desk, "# stricter\n")
    applied = dagwarden("policy", "apply", str(file), "-m", "ticket 7", "--json")
    assert (applied.code, applied.json["is_changed"]) == (0, True)
    assert desk.cloud.store.read(policy_object(PROD)) == file.read_bytes()
    begun, done = desk.audit(Kind.POLICY_APPLIED)
    assert (str(begun.outcome), str(done.outcome)) == ("begun", "done")
    for entry in (begun, done):
        assert (entry.why.reason, entry.why.policy_digest) == ("ticket 7", digest(file.read_bytes()))
        assert entry.details == {"before": digest(first), "generation_before": applied.json["generation_before"]}
    assert "already is this" in dagwarden("policy", "apply", str(file)).out
    assert dagwarden("policy", "restore", str(applied.json["generation_before"])).code == 0
    assert desk.cloud.store.read(policy_object(PROD)) == first
    assert len(desk.audit(Kind.POLICY_APPLIED)) == 4


def test_a_policy_that_may_not_be_written_is_audited_as_not_applied(
    dagwarden: Dagwarden, desk: Desk, tmp_path: Path, cloud_server: RunningCloud
) -> None:
    before = desk.cloud.store.read(policy_object(PROD))
    cloud_server.admin.plan("storage", "fail", method="objects.insert", status=403)
    done = dagwarden("policy", "apply", str(write(tmp_path, desk, "# stricter\n")))
    assert done.code != 0
    assert desk.cloud.store.read(policy_object(PROD)) == before
    begun, ended = desk.audit(Kind.POLICY_APPLIED)
    assert (str(begun.outcome), str(ended.outcome), ended.severity) == ("begun", "failed", "ERROR")
    assert ended.why.reason


def test_an_end_that_the_audit_log_does_not_take_is_told(
    dagwarden: Dagwarden, desk: Desk, tmp_path: Path, cloud_server: RunningCloud
) -> None:
    file = write(tmp_path, desk, "# stricter\n")
    cloud_server.admin.plan("logging", "fail", method="entries.write", status=403, nth=2)
    done = dagwarden("policy", "apply", str(file))
    assert done.code == 0
    assert desk.cloud.store.read(policy_object(PROD)) == file.read_bytes()
    assert "says that it was about to be applied, and not that it is in force" in done.err
    assert [str(entry.outcome) for entry in desk.audit(Kind.POLICY_APPLIED)] == ["begun"]


def test_a_policy_whose_beginning_cannot_be_audited_is_not_applied(
    dagwarden: Dagwarden, desk: Desk, tmp_path: Path, cloud_server: RunningCloud
) -> None:
    before = desk.cloud.store.read(policy_object(PROD))
    cloud_server.admin.plan("logging", "fail", method="entries.write", status=403)
    assert dagwarden("policy", "apply", str(write(tmp_path, desk, "# stricter\n"))).code != 0
    assert desk.cloud.store.read(policy_object(PROD)) == before


def test_the_policy_in_force_is_shown_with_who_applied_it_when_and_why(
    dagwarden: Dagwarden, desk: Desk, tmp_path: Path
) -> None:
    file = write(tmp_path, desk, "# stricter\n")
    applied = dagwarden("policy", "apply", str(file), "-m", "ticket 7", "--json").json
    shown = dagwarden("policy", "show", "--json").json
    assert (shown["digest"], shown["generation"]) == (applied["digest"], applied["generation"])
    assert (shown["applied_by"], shown["message"]) == (desk.cloud.service_account, "ticket 7")
    assert (shown["is_in_force"], shown["is_audited"], shown["text"]) == (True, True, file.read_text())
    text = dagwarden("policy", "show").out
    assert f"applied by  {desk.cloud.service_account}" in text
    assert text.endswith(f"\n\n{file.read_text()}")
    before = dagwarden("policy", "show", "--version", str(applied["generation_before"]), "--json").json
    assert (before["is_in_force"], before["is_audited"]) == (False, False)
    assert dagwarden("policy", "show", "--version", "7").code == 4


def test_a_policy_written_past_apply_is_shown_as_such_and_a_broken_one_too(dagwarden: Dagwarden, desk: Desk) -> None:
    desk.write_policy("apiVersion: dagwarden/v1\nkind: Policy\nlimit: {}\n")
    done = dagwarden("policy", "show")
    assert done.code == 1
    assert "applied by  unknown\n" in done.out
    assert "written past `dagwarden policy apply`" in done.out
    assert "policy.yaml:3: `limit` is no key" in done.out
    desk.remove_policy()
    assert dagwarden("policy", "show").code == 4


def test_a_policy_with_faults_is_not_applied(dagwarden: Dagwarden, desk: Desk, tmp_path: Path) -> None:
    before = desk.cloud.store.read(policy_object(PROD))
    done = dagwarden("policy", "apply", str(write(tmp_path, desk, "limit: {}\n")))
    assert done.code == 1
    assert "`limit` is no key; did you mean `limits`?" in done.out
    assert desk.cloud.store.read(policy_object(PROD)) == before
    assert desk.audit(Kind.POLICY_APPLIED) == []


def test_an_environment_is_applied_to_itself_alone(dagwarden: Dagwarden, desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "environment.yaml"
    file.write_text("apiVersion: dagwarden/v1\nkind: Environment\nname: other\n")
    assert dagwarden("policy", "apply", str(file)).code == 4
    file.write_text("apiVersion: dagwarden/v1\nkind: Environment\nname: prod\n")
    assert dagwarden("policy", "apply", str(file)).code == 0
    assert desk.cloud.store.read(f"{PROD}/environment.yaml") == file.read_bytes()


def test_impact_tells_what_another_policy_would_have_refused_and_what_of_that_is_live(
    dagwarden: Dagwarden, desk: Desk, tmp_path: Path
) -> None:
    desk.allow(desk.push({"dags/a.py": "a = 1\n", "dags/b.py": "b = 1\n"}))
    desk.allow(desk.push({"plugins/c.py": "c = 1\n"}, source="https://git.example.com/other.git"))
    same = dagwarden("policy", "impact", str(write(tmp_path, desk)), "--last", "5")
    assert (same.code, "past: of 2 releases 2 allowed, 0 denied, 0 held" in same.out) == (0, True)
    file = write(tmp_path, desk)
    file.write_text(file.read_text().replace('"plugins/**"', '"plugins/none/**"'))
    done = dagwarden("policy", "impact", str(file), "--json")
    assert done.code == 1
    assert [(each["release"], each["outcome"]) for each in done.json["past"]] == [(1, "allowed"), (2, "denied")]
    [live] = done.json["live"]
    assert (live["release"], live["files"]) == (2, 1)
    assert [finding["rule"] for finding in live["findings"]] == ["path-not-allowed"]
    assert "live: 1 file of pushes that would be refused now" in dagwarden("policy", "impact", str(file)).out


def test_what_was_found_within_a_zip_file_counts_against_it(dagwarden: Dagwarden, desk: Desk, tmp_path: Path) -> None:
    event = desk.push({"dags/x.zip": "a = 1\n", "dags/b.py": "b = 1\n"})
    desk.allow(event)
    name = verdict_object(PROD, push_of(event))
    within = [
        Finding(rule="latest-image", severity=Severity.WARNING, path=path, message="told then")
        for path in ("dags/x.zip/first.py", "dags/gone.zip/first.py")
    ]
    verdict = decode(Verdict, desk.cloud.store.read(name))
    told = encode(msgspec.structs.replace(verdict, findings=tuple(within)))
    desk.cloud.store.write(name, told, generation=None, content_type="application/json")
    file = write(tmp_path, desk, "enforcement:\n  rules: {latest-image: enforce}\n")
    [past] = dagwarden("policy", "impact", str(file), "--json").json["past"]
    assert [each["path"] for each in past["findings"]] == ["dags/x.zip/first.py"]


DAG = """from airflow.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator
with DAG("{name}", schedule=None):
    BashOperator(task_id="t", bash_command="true", pool="{pool}")
"""
TEAMS = """teams:
  - name: all
    paths: ["dags/**"]
    may_use: {pools: [sales]}
identities: {default: allow}
"""


def test_what_is_live_is_imported_so_that_impact_tells_as_whom_and_where_tasks_would_be_refused(
    dagwarden: Dagwarden, desk: Desk, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("first.py", DAG.format(name="zipped", pool="finance"))
    files = {f"dags/{name}.py": DAG.format(name=name, pool=name) for name in ("sales", "finance")}
    desk.allow(desk.push(files))
    other = "https://git.example.com/other.git"
    desk.allow(desk.push({"dags/x.zip": (tmp_path / "x.zip").read_bytes()}, source=other))
    desk.allow(desk.push({"dags/b.py": "b = 1\n"}, source="https://git.example.com/third.git"))
    file = write(tmp_path, desk, TEAMS)
    file.write_text(file.read_text().replace("  imports: skipped\n", "  imports: required\n"))
    done = dagwarden("policy", "impact", str(file), "--json")
    assert done.code == 1
    told = [
        (each["release"], [(found["rule"], found["path"]) for found in each["findings"]]) for each in done.json["live"]
    ]
    assert told == [
        (1, [("pool-or-queue-not-allowed", "dags/finance.py")]),
        (2, [("pool-or-queue-not-allowed", "dags/x.zip")]),
    ]
    assert [each["outcome"] for each in done.json["past"]] == ["allowed"] * 3


def test_windows_and_approvals_are_about_the_push_and_not_about_what_is_live(
    dagwarden: Dagwarden, desk: Desk, tmp_path: Path
) -> None:
    desk.allow(desk.push({"dags/a.py": "a = 1\n"}))
    file = write(tmp_path, desk, "approvals:\n  - {name: all, from: [lead@acme.example]}\n")
    done = dagwarden("policy", "impact", str(file), "--json")
    assert ([each["outcome"] for each in done.json["past"]], done.json["live"]) == (["held"], [])


def test_explain_names_each_reason_with_its_clause(dagwarden: Dagwarden, desk: Desk) -> None:
    event = desk.push({"dags/a.py": "a = 1\n"}, is_signed=False)
    desk.deny(event)
    done = dagwarden("explain", push_of(event)[:12])
    assert done.code == 1
    assert "[unattested-push DW702] nobody signed this push (policy.yaml:5)" in done.out
    assert "denied: 1 error; nothing is released yet" in done.out
    said = dagwarden("explain", push_of(event), "--json").json
    assert (bool(said["facts_digest"]), said["is_audited"]) == (True, True)


def test_explain_says_of_a_verdict_that_the_audit_log_does_not_know(dagwarden: Dagwarden, desk: Desk) -> None:
    event = desk.push({"dags/a.py": "a = 1\n"})
    desk.allow(event)
    name = verdict_object(PROD, push_of(event))
    verdict = decode(Verdict, desk.cloud.store.read(name))
    forged = msgspec.structs.replace(verdict, outcome=Outcome.DENIED)
    desk.cloud.store.write(name, encode(forged), generation=None, content_type="application/json")
    assert "the audit log has no such verdict" in dagwarden("explain", push_of(event)).out


def test_explain_tells_nothing_of_another_push_that_lies_in_the_place_of_this(dagwarden: Dagwarden, desk: Desk) -> None:
    """The audit log knows the other: a copy of its verdict would be vouched for, or approved."""
    allowed, denied = desk.push({"dags/a.py": "a = 1\n"}), desk.push({"dags/b.py": "b = 1\n"}, is_signed=False)
    desk.allow(allowed)
    desk.deny(denied)
    content = desk.cloud.store.read(verdict_object(PROD, push_of(allowed)))
    desk.cloud.store.write(
        verdict_object(PROD, push_of(denied)), content, generation=None, content_type="application/json"
    )
    done = dagwarden("explain", push_of(denied))
    assert (done.code != 0, "allowed" in done.out) == (True, False)


def test_explain_says_which_push_it_does_not_know(dagwarden: Dagwarden, desk: Desk) -> None:
    assert dagwarden("explain", "0" * 12).code == 4
    assert dagwarden("explain", "zz").code == 2


def test_a_held_push_is_explained_and_stays_held_when_its_pusher_approves(dagwarden: Dagwarden, desk: Desk) -> None:
    policy = POLICY.format(project=desk.cloud.settings.project)
    desk.write_policy(policy + "approvals:\n  - {name: leads, from: [lead@acme.example]}\n")
    event = desk.push({"dags/a.py": "a = 1\n"})
    desk.deliver(event)
    assert "`leads` needs 1 of lead@acme.example (policy.yaml:" in dagwarden("explain", push_of(event)).out
    done = dagwarden("approve", push_of(event), "--timeout", "0.1")
    assert (done.code, "held until it is approved" in done.out) == (1, True)
    assert len(list(desk.cloud.inbox.list(f"{PROD}/approvals/{push_of(event)}/"))) == 1


def test_an_emergency_is_seen_wherever_its_release_is_and_found_in_the_audit_log(
    dagwarden: Dagwarden, desk: Desk
) -> None:
    account = desk.cloud.service_account
    policy = POLICY.format(project=desk.cloud.settings.project)
    glass = f"approvals:\n  - {{name: leads, from: [lead@acme.example]}}\nbreak_glass:\n  principals: [{account}]\n"
    desk.write_policy(policy + glass)
    assert desk.allow(desk.push({"dags/a.py": "a = 1\n"}, break_glass="payroll stands still")) == 1
    desk.deny(desk.push({"dags/b.py": "b = 1\n"}, break_glass="x", base="commit-1"))
    for verb in ("log", "show", "status"):
        assert "payroll stands still" in dagwarden(verb).out, verb
        assert "payroll stands still" in dagwarden(verb, "--json").out, verb
    found = dagwarden("audit", "--severity", "CRITICAL", "--json").json
    assert sorted((entry["kind"], entry["outcome"]) for entry in found) == [
        ("push.verdict", "allowed"),
        ("push.verdict", "denied"),
    ]
    assert len(dagwarden("audit", "--severity", "NOTICE", "--json").json) > 2
