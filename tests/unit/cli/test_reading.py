"""The verbs that read: log, show, diff, audit, status, wait, verify."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagwarden.audit import entries
from dagwarden.audit.write import AuditWriter
from dagwarden.cli.audit import parse_moment
from dagwarden.cloud.clients import Cloud
from dagwarden.errors import InvalidInput
from dagwarden.ledger.commit import Committed
from dagwarden.ledger.state import empty_state, tree_digest
from dagwarden.names import (
    EnvironmentName,
    ReleaseNumber,
    delta_object,
    environment_object,
    policy_object,
    release_object,
    status_object,
)
from dagwarden.sync.notice import Receipt, ReceiptOutcome, Status
from dagwarden.wire import encode
from localcloud.testing import RunningCloud

from .conftest import Dagwarden

PROD = EnvironmentName("prod")
NOW = dt.datetime(2026, 11, 22, 16, 0, tzinfo=dt.UTC)
ENVIRONMENT = """\
apiVersion: dagwarden/v1
kind: Environment
name: prod
bucket: {bucket}
python: "3.11"
airflow: "3.3"
components: [worker]
"""

Release = Callable[..., Committed]


def report(cloud: Cloud, instance: str, committed: Committed, **changes: Any) -> Receipt:
    """What a worker would have said of a release, put where `record` puts it."""
    now = dt.datetime.now(dt.UTC)
    receipt = Receipt(
        environment=PROD,
        component="worker",
        instance=instance,
        outcome=ReceiptOutcome.APPLIED,
        release=committed.release.number,
        digest=committed.digest,
        tree=tree_digest(committed.state.files),
        at=now,
        visible_at=now,
        pushed_at=now - dt.timedelta(seconds=0.25),
    )
    receipt = msgspec.structs.replace(receipt, **changes)
    name = status_object(PROD, receipt.component, instance)
    cloud.store.write(name, encode(Status(receipt=receipt)), generation=None, content_type="application/json")
    return receipt


@pytest.fixture
def two(release_files: Release) -> tuple[Committed, Committed]:
    """Two releases: the second changes one file and adds another."""
    first = release_files({"dags/a.py": "a = 1\n", "dags/b.py": "b = 1\n"})
    second = release_files({"dags/a.py": "a = 2\n", "plugins/c.py": "c = 1\n"}, first.state)
    return first, second


# ---- log, show, diff ---------------------------------------------------------------------------------------------


def test_log_lists_releases_newest_first(dagwarden: Dagwarden, two: tuple[Committed, Committed]) -> None:
    lines = dagwarden("log").out.splitlines()
    assert [line.split()[0] for line in lines] == ["RELEASE", "2", "1"]
    assert "anna@example.com" in lines[1]
    assert "+2 -0" in lines[1]
    assert [release["number"] for release in dagwarden("log", "-n", "1", "--json").json] == [2]


@pytest.fixture
def described(cloud: Cloud) -> None:
    """An environment that has a policy, and no release yet."""
    cloud.store.write(policy_object(EnvironmentName("prod")), b"", generation=None, content_type="text/plain")


@pytest.mark.usefixtures("described")
def test_log_of_nothing_says_so(dagwarden: Dagwarden) -> None:
    assert dagwarden("log").out == "prod has no release yet\n"
    assert dagwarden("log", "--json").json == []


def test_show_tells_everything_of_a_release(dagwarden: Dagwarden, two: tuple[Committed, Committed]) -> None:
    shown = dagwarden("show").out
    for part in ("prod/2", two[1].digest, two[0].digest, "anna@example.com (jwt)", "plugins/c.py", "refs/heads/main"):
        assert part in shown
    assert dagwarden("show", "1", "--json").json["digest"] == two[0].digest


def test_show_of_a_release_that_is_not_there_is_exit_code_4(dagwarden: Dagwarden) -> None:
    done = dagwarden("show", "7")
    assert done.code == 4
    assert done.err.startswith("error: ")
    assert dagwarden("show").code == 4


def test_diff_compares_trees(dagwarden: Dagwarden, two: tuple[Committed, Committed]) -> None:
    rows = [line.split()[:2] for line in dagwarden("diff", "1", "2").out.splitlines()[1:]]
    assert rows == [["changed", "dags/a.py"], ["added", "plugins/c.py"]]
    back = dagwarden("diff", "2", "1", "--json").json
    assert [(each["change"], each["path"]) for each in back["files"]] == [
        ("changed", "dags/a.py"),
        ("removed", "plugins/c.py"),
    ]
    assert dagwarden("diff", "2", "2").out == "releases 2 and 2 have the same tree\n"


def test_diff_shows_the_lines(dagwarden: Dagwarden, two: tuple[Committed, Committed]) -> None:
    lines = dagwarden("diff", "1", "--patch").out.splitlines()
    assert lines[:5] == ["--- a/dags/a.py", "+++ b/dags/a.py", "@@ -1 +1 @@", "-a = 1", "+a = 2"]
    assert lines[5:7] == ["--- /dev/null", "+++ b/plugins/c.py"]


def test_diff_from_nothing_is_the_whole_tree(dagwarden: Dagwarden, two: tuple[Committed, Committed]) -> None:
    assert len(dagwarden("diff", "0", "--json").json["files"]) == 3


# ---- audit -------------------------------------------------------------------------------------------------------


def test_audit_answers_by_release_kind_push_and_time(
    dagwarden: Dagwarden, cloud: Cloud, two: tuple[Committed, Committed]
) -> None:
    for committed in two:
        AuditWriter(cloud).write(entries.release_committed(committed.release, committed.digest))
    push = two[1].release.push_id
    for arguments in (["--release", "2"], ["--push", push[:8]], ["--push", push]):
        assert [entry["release"] for entry in dagwarden("audit", "--json", *arguments).json] == [2]
    assert len(dagwarden("audit", "--json", "--kind", "release.committed").json) == 2
    assert dagwarden("audit", "--json", "--kind", "push.verdict").json == []
    assert len(dagwarden("audit", "--json", "--since", "2026-11-22", "--principal", "anna@example.com").json) == 2
    assert dagwarden("audit", "--json", "--since", "2026-11-22", "--until", "2026-11-22T15:59Z").json == []
    lines = dagwarden("audit").out.splitlines()
    assert lines[1].split()[:4] == ["2026-11-22", "16:00:00Z", "release.committed", "done"]


def test_audit_says_when_nothing_answers(dagwarden: Dagwarden) -> None:
    assert dagwarden("audit").out == "no entry answers that\n"
    assert dagwarden("audit", "--push", "no push").code == 2
    assert dagwarden("audit", "--since", "yesterday").code == 2


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30m", NOW - dt.timedelta(minutes=30)),
        ("7d", NOW - dt.timedelta(days=7)),
        ("2026-11-22T10:00:00+02:00", dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC)),
        ("2026-11-22", dt.datetime(2026, 11, 22, tzinfo=dt.UTC)),
    ],
)
def test_moments_are_ago_or_iso(text: str, moment: dt.datetime) -> None:
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "5", "-5m", "5 m", "tomorrow", "9999999d"])
def test_other_moments_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_moment(text, NOW)


# ---- status, wait ------------------------------------------------------------------------------------------------


def test_status_and_wait_know_when_a_release_is_everywhere(
    dagwarden: Dagwarden, cloud: Cloud, two: tuple[Committed, Committed]
) -> None:
    report(cloud, "w-1", two[1])
    report(cloud, "w-2", two[0])
    behind = dagwarden("status")
    assert behind.code == 1
    assert behind.out.splitlines()[-1] == "release 2 is on 1 of 2 instances, slowest 0.25 s; behind: worker/w-2"
    assert dagwarden("wait", "--timeout", "0.2").code == 1
    report(cloud, "w-2", two[1])
    assert dagwarden("status", "--json").json["complete"] is True
    there = dagwarden("wait", "2", "--timeout", "5")
    assert (there.code, there.out) == (0, "release 2 is on 2 of 2 instances, slowest 0.25 s\n")
    missing = dagwarden("wait", "2", "--timeout", "0.2", "--expect", "scheduler")
    assert missing.code == 1
    assert missing.out.endswith("; no sign of: scheduler\n")


def test_interrupt_is_exit_code_130_without_a_traceback(
    dagwarden: Dagwarden, cloud: Cloud, two: tuple[Committed, Committed]
) -> None:
    report(cloud, "w-1", two[1])
    program = "from dagwarden.cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "status", "--watch"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    ) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().startswith("release 2 is on 1 of 1 instances")
        watching.send_signal(signal.SIGINT)
        _, said = watching.communicate(timeout=30)
    assert watching.returncode == 130
    assert "Traceback" not in said


def test_service_that_is_down_is_exit_code_3(
    dagwarden: Dagwarden, cloud_server: RunningCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGWARDEN_RETRY_DEADLINE_S", "0.3")
    cloud_server.admin.plan("storage", "fail", status=503, times=1000)
    done = dagwarden("log")
    assert done.code == 3
    assert "hint: try again" in done.err


# ---- verify ------------------------------------------------------------------------------------------------------


def put_environment(cloud: Cloud, files: dict[str, str]) -> str:
    """environment.yaml names the test's bucket, which holds these files."""
    bucket = f"{cloud.settings.project}-prod"
    content = ENVIRONMENT.format(bucket=bucket).encode()
    cloud.store.write(environment_object(PROD), content, generation=None, content_type="application/yaml")
    for path, text in files.items():
        cloud.bucket(bucket).write(path, text.encode(), generation=None, content_type="text/plain")
    return bucket


def result_of(checks: list[dict[str, str]], name: str) -> tuple[str, str]:
    (found,) = (check for check in checks if check["name"].startswith(name))
    return found["result"], found["detail"]


LIVE = {"dags/a.py": "a = 2\n", "dags/b.py": "b = 1\n", "plugins/c.py": "c = 1\n"}


def test_verify_finds_everything_equal(dagwarden: Dagwarden, cloud: Cloud, two: tuple[Committed, Committed]) -> None:
    put_environment(cloud, LIVE)
    report(cloud, "w-1", two[1])
    report(cloud, "web", two[1], component="webserver", tree=tree_digest(two[1].state.files, ("plugins",)))
    done = dagwarden("verify", "--deep")
    assert done.code == 0, done.out
    assert done.out.splitlines()[-1] == "all 8 checks hold"


def test_a_forged_receipt_is_shown_as_such(
    dagwarden: Dagwarden, cloud: Cloud, two: tuple[Committed, Committed]
) -> None:
    first, second = two
    report(cloud, "w-1", second)
    assert dagwarden("status").code == 0
    report(cloud, "w-2", second, digest=first.digest)
    report(cloud, "w-3", second, release=ReleaseNumber(4711))
    done = dagwarden("status", "--json")
    assert done.code == 1
    assert [each["health"] for each in done.json["instances"]] == ["live", "untrue", "untrue"]
    assert dagwarden("wait", "2", "--timeout", "0.1").code != 0


def test_before_the_first_release_verify_and_status_say_so(dagwarden: Dagwarden, cloud: Cloud) -> None:
    put_environment(cloud, {})
    empty = empty_state(PROD)
    for component, instance in (("worker", "w-1"), ("webserver", "web")):
        receipt = Receipt(
            environment=PROD,
            component=component,
            instance=instance,
            outcome=ReceiptOutcome.RUNNING,
            release=empty.number,
            digest=empty.digest,
            tree=tree_digest(empty.files),
            at=dt.datetime.now(dt.UTC),
        )
        name = status_object(PROD, component, instance)
        cloud.store.write(name, encode(Status(receipt=receipt)), generation=None, content_type="application/json")
    done = dagwarden("verify", "--json")
    assert done.code == 0
    found = {check["name"]: check["detail"] for check in done.json["checks"]}
    assert found.pop("worker/w-1") == "no release yet: dags and plugins"
    assert found.pop("webserver/web") == "no release yet: plugins"
    assert set(found.values()) == {"no release yet"}
    shown = dagwarden("status")
    assert (shown.code, shown.out.splitlines()[-1]) == (0, "no release yet; 2 instances ready for the first")


@pytest.mark.usefixtures("described")
def test_an_environment_without_anything_to_compare_is_not_verified(dagwarden: Dagwarden) -> None:
    done = dagwarden("verify")
    assert (done.code, "there is no release, no bucket and no instance" in done.err) == (4, True)


def test_verify_names_what_differs_in_the_bucket(
    dagwarden: Dagwarden, cloud: Cloud, two: tuple[Committed, Committed]
) -> None:
    put_environment(cloud, {"dags/a.py": "a = 3\n", "dags/b.py": "b = 1\n", "dags/x.py": "x = 1\n"})
    done = dagwarden("verify", "--json", "--deep")
    assert done.code == 1
    assert result_of(done.json["checks"], "bucket") == (
        "differs",
        "plugins/c.py is missing; dags/x.py is in no release; dags/a.py is changed",
    )
    assert result_of(done.json["checks"], "bytes")[0] == "differs"


def test_verify_names_an_instance_with_another_tree(
    dagwarden: Dagwarden, cloud: Cloud, two: tuple[Committed, Committed]
) -> None:
    report(cloud, "w-1", two[1], tree=tree_digest(two[0].state.files))
    report(cloud, "w-2", two[1], digest=two[0].digest)
    report(cloud, "w-3", two[1], release=ReleaseNumber(9))
    checks = dagwarden("verify", "--json").json["checks"]
    assert result_of(checks, "worker/w-1")[0] == "differs"
    assert result_of(checks, "worker/w-2")[0] == "differs"
    assert result_of(checks, "worker/w-3")[0] == "unknown"


def test_verify_names_a_broken_chain_and_lost_archives(
    dagwarden: Dagwarden, cloud: Cloud, two: tuple[Committed, Committed]
) -> None:
    name = release_object(PROD, ReleaseNumber(1))
    info = cloud.ledger.stat(name)
    assert info is not None
    cloud.ledger.write(name, b"{}", generation=info.generation, content_type="application/json")
    cloud.ledger.write("prod/releases/notes.txt", b"", generation=0, content_type="text/plain")
    delta = two[1].release.delta
    assert delta is not None
    found = cloud.store.stat(delta_object(PROD, delta))
    assert found is not None
    cloud.store.delete(found.name, generation=found.generation)
    put_environment(cloud, LIVE)
    done = dagwarden("verify", "--json")
    checks = done.json["checks"]
    assert done.code == 1
    assert result_of(checks, "prod ledger") == ("differs", "prod/releases/notes.txt is no release")
    assert result_of(checks, "signatures")[0] == "differs"
    assert result_of(checks, "chain")[0] == "differs"
    assert result_of(checks, "archives") == ("differs", f"{found.name} is gone")
    assert result_of(checks, "bucket")[0] == "unknown"


def test_verify_without_an_agent_at_the_root_is_unknown(
    dagwarden: Dagwarden, two: tuple[Committed, Committed], tmp_path: Path
) -> None:
    done = dagwarden("verify", "--json", "--tree", str(tmp_path / "nothing"))
    assert done.code == 1
    assert result_of(done.json["checks"], "tree")[0] == "unknown"
