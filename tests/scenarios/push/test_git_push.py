"""Plain `git push` to an environment, with the real git, the real helper and a real gate."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.identity import utc_now
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.state import LedgerState
from dagwarden.names import EnvironmentName, ReleaseNumber, policy_object
from dagwarden.push.archive import UnpackedPush, unpack
from dagwarden.push.changes import Offer
from dagwarden.push.deliver import Delivery
from dagwarden.push.manifest import Delete, PushManifest, Put
from dagwarden.settings import Settings
from localcloud.testing import RunningCloud

from .conftest import POLICY, InboxGate, Repo

PROD = EnvironmentName("prod")


def state_of(cloud: Cloud) -> LedgerState:
    return Ledger(cloud).state(PROD)


def pushes_in(cloud: Cloud) -> list[UnpackedPush]:
    """All pushes that ever arrived, oldest first."""
    found = sorted(cloud.inbox.list(f"{PROD}/pushes/"), key=lambda info: info.updated_at)
    return [unpack(cloud.inbox.read(info.name)) for info in found]


@pytest.mark.usefixtures("inbox_gate")
def test_only_what_changed_travels_and_the_second_push_is_up_to_date(repo: Repo, cloud: Cloud) -> None:
    first = repo.commit(dags__a="a = 1\n", dags__b="b = 1\n", plugins__p="p = 1\n", README="x = 1\n")
    done = repo.try_git("push", "prod", "main")
    assert done.returncode == 0, done.stderr
    assert "remote: release 1 (3 files changed)\n" in done.stderr
    assert "1 file outside dags/ and plugins/ stays behind" in done.stderr
    assert "Everything up-to-date" in repo.try_git("push", "prod", "main").stderr
    assert repo.git("ls-remote", "prod") == f"{first}\trefs/heads/main"
    repo.git("update-ref", "-d", "refs/remotes/prod/main")
    repo.git("fetch", "prod")
    assert repo.git("rev-parse", "prod/main") == first

    second = repo.commit(dags__a="a = 2\n", dags__b=None)
    assert repo.try_git("push", "prod", "main").returncode == 0
    state = state_of(cloud)
    assert (state.number, list(state.files), list(state.sources.values())) == (
        2,
        ["dags/a.py", "plugins/p.py"],
        [second],
    )

    push = pushes_in(cloud)[-1]
    assert [(type(change), change.path) for change in push.manifest.changes] == [
        (Put, "dags/a.py"),
        (Delete, "dags/b.py"),
    ]
    assert (push.manifest.base_commit, push.manifest.head_commit, push.manifest.ref) == (
        first,
        second,
        "refs/heads/main",
    )
    assert (push.manifest.authors, push.manifest.message) == (
        ("Ada Lovelace <ada@example.com>",),
        "Change dags__a, dags__b",
    )
    assert Ledger(cloud).read(PROD, ReleaseNumber(2)).release.principal.attested_by == "jwt"


@pytest.mark.usefixtures("inbox_gate")
def test_an_inbox_that_does_not_exist_fails_even_when_nothing_is_new(repo: Repo) -> None:
    repo.commit(dags__a="a = 1\n")
    repo.git("push", "prod", "main")
    repo.git("remote", "set-url", "prod", f"dagwarden::gs://no-such-bucket/{PROD}")
    for commit in ("", "a = 2\n"):
        if commit:
            repo.commit(dags__a=commit)
        done = repo.try_git("push", "prod", "main")
        assert done.returncode != 0
        assert "fatal: reach inbox gs://no-such-bucket: there is no such bucket\n" in done.stderr
        assert "hint: correct the inbox in the remote's URL" in done.stderr
        assert "up-to-date" not in done.stderr


def test_who_may_not_write_to_the_inbox_is_told_whom_to_ask(
    repo: Repo, cloud: Cloud, cloud_server: RunningCloud, settings: Settings
) -> None:
    reads = [{"role": "roles/storage.objectViewer", "members": [f"serviceAccount:{settings.service_account}"]}]
    buckets = (settings.ledger_bucket, settings.store_bucket)
    with httpx.Client(base_url=cloud_server.url, timeout=30.0) as http:
        for bucket in buckets:
            http.put(f"/storage/v1/b/{bucket}/iam", json={"bindings": reads}).raise_for_status()
        signs = {"role": "roles/iam.serviceAccountTokenCreator", "members": reads[0]["members"]}
        http.post(f"/v1/projects/{settings.project}:setIamPolicy", json={"policy": {"bindings": [signs]}})
    repo.commit(dags__a="a = 1\n")
    done = repo.try_git("push", "prod", "main")
    assert done.returncode != 0
    assert f"{settings.service_account} may not create objects everywhere in gs://{cloud.inbox.name}" in done.stderr
    assert f"! [remote rejected] main -> main ({settings.service_account} may not create objects there)" in done.stderr
    assert "hint: ask the platform team for roles/storage.objectCreator" in done.stderr


@pytest.mark.usefixtures("inbox_gate")
def test_a_denied_push_fails_shows_its_findings_and_changes_nothing(repo: Repo, cloud: Cloud) -> None:
    repo.commit(dags__a="a = 1\n")
    repo.git("push", "prod", "main")
    repo.commit(dags__a="a = (\n", dags__c="c = 1\n")
    done = repo.try_git("push", "prod", "main")
    assert done.returncode != 0
    assert "remote: dags/a.py:1: error [syntax-error " in done.stderr
    assert "remote:   hint: " in done.stderr
    assert "remote: denied: 1 error; release 1 stays live\n" in done.stderr
    assert "! [remote rejected] main -> main (denied: 1 error)" in done.stderr
    assert state_of(cloud).number == 1

    repo.commit(dags__a="a = 2\n")
    assert repo.try_git("push", "prod", "main").returncode == 0
    assert sorted(state_of(cloud).files) == ["dags/a.py", "dags/c.py"]


@pytest.mark.usefixtures("inbox_gate")
def test_rewritten_history_is_refused_until_forced(repo: Repo, cloud: Cloud) -> None:
    repo.commit(dags__a="a = 1\n")
    repo.commit(dags__a="a = 2\n", dags__b="b = 2\n")
    repo.git("push", "prod", "main")
    repo.git("reset", "-q", "--hard", "HEAD~1")
    third = repo.commit(dags__a="a = 3\n")
    done = repo.try_git("push", "prod", "main")
    assert done.returncode != 0
    assert "non-fast-forward" in done.stderr
    assert "non-fast-forward" in repo.try_git("push", "prod", "main:other").stderr
    assert state_of(cloud).number == 1

    done = repo.try_git("push", "--force", "prod", "main")
    assert done.returncode == 0, done.stderr
    state = state_of(cloud)
    assert (state.number, list(state.files), list(state.sources.values())) == (2, ["dags/a.py"], [third])
    assert pushes_in(cloud)[-1].manifest.force


@pytest.mark.usefixtures("inbox_gate")
def test_a_clone_without_the_released_commit_is_told_to_fetch_or_force(
    repo: Repo, make_repo: Callable[[str], Repo], cloud: Cloud
) -> None:
    repo.commit(dags__a="a = 1\n", dags__old="o = 1\n")
    clone = make_repo("clone")
    clone.git("pull", "-q", str(repo.folder), "main")
    released = repo.commit(dags__a="a = 2\n")
    repo.git("push", "prod", "main")
    clone.commit(dags__a="a = 3\n", dags__old=None)
    done = clone.try_git("push", "prod", "main")
    assert done.returncode != 0
    assert "fetch first" in done.stderr
    assert f"prod runs commit {released[:12]}, which is not in this repository" in done.stderr

    lease = clone.try_git("push", f"--force-with-lease=main:{'1' * 40}", "prod", "main")
    assert "stale info" in lease.stderr
    done = clone.try_git("push", f"--force-with-lease=main:{released}", "prod", "main")
    assert done.returncode == 0, done.stderr
    assert list(state_of(cloud).files) == ["dags/a.py"]


@pytest.mark.usefixtures("inbox_gate")
def test_a_lease_that_rewrites_is_asked_of_policy_as_force_is(repo: Repo, cloud: Cloud, project: str) -> None:
    policy = POLICY.format(project=project).replace("push, force, rollback", "push").encode()
    cloud.store.write(policy_object(PROD), policy, generation=None, content_type="application/yaml")
    repo.commit(dags__a="a = 1\n")
    repo.commit(dags__a="a = 2\n")
    repo.git("push", "prod", "main")
    repo.git("reset", "-q", "--hard", "HEAD~1")
    repo.commit(dags__a="a = 3\n")
    done = repo.try_git("push", "--force-with-lease", "prod", "main")
    assert done.returncode != 0
    assert "error [force-not-allowed DW707]" in done.stderr
    assert state_of(cloud).number == 1
    repo.git("reset", "-q", "--hard", "prod/main")
    repo.commit(dags__a="a = 4\n")
    assert repo.try_git("push", "--force-with-lease", "prod", "main").returncode == 0
    assert not pushes_in(cloud)[-1].manifest.force


@pytest.mark.usefixtures("inbox_gate")
def test_two_repositories_push_beside_each_other_and_not_over_each_other(
    make_repo: Callable[[str], Repo], cloud: Cloud
) -> None:
    one, two = make_repo("one"), make_repo("two")
    one.git("config", "dagwarden.source", "team-one")
    two.git("config", "remote.prod.dagwarden-prefix", "dags/two")
    one.commit(dags__a="a = 1\n")
    two.commit(b="b = 1\n", sub__c="c = 1\n")
    one.git("push", "prod", "main")
    two.git("push", "prod", "main")
    one.commit(dags__a="a = 2\n")
    one.git("push", "prod", "main")
    state = state_of(cloud)
    assert sorted(state.files) == ["dags/a.py", "dags/two/b.py", "dags/two/sub/c.py"]
    root = two.git("rev-list", "--max-parents=0", "HEAD")[:12]
    assert sorted(state.sources) == [f"git:{root}/dags/two", "team-one"]
    assert two.git("ls-remote", "prod").startswith(two.git("rev-parse", "HEAD"))

    one.commit(dags__two__b="mine = 1\n")
    done = one.try_git("push", "prod", "main")
    assert done.returncode != 0
    assert "file-of-another-source" in done.stderr


@pytest.mark.usefixtures("inbox_gate")
def test_a_dry_run_is_judged_and_not_released(repo: Repo, cloud: Cloud) -> None:
    repo.commit(dags__a="a = 1\n")
    done = repo.try_git("push", "--dry-run", "prod", "main")
    assert done.returncode == 0, done.stderr
    assert "remote: dry run: would be allowed" in done.stderr
    repo.commit(dags__a="a = (\n")
    assert repo.try_git("push", "--dry-run", "prod", "main").returncode != 0
    assert state_of(cloud).number == 0


@pytest.mark.usefixtures("inbox_gate")
def test_git_is_told_that_a_push_is_held_and_an_emergency_goes_past(repo: Repo, cloud: Cloud, project: str) -> None:
    account = f"gate-sa@{project}.iam.gserviceaccount.com"
    more = f"approvals:\n  - {{name: two eyes, from: [lead@acme.example]}}\nbreak_glass:\n  principals: [{account}]\n"
    policy = (POLICY.format(project=project) + more).encode()
    cloud.store.write(policy_object(PROD), policy, generation=None, content_type="application/yaml")
    repo.commit(dags__a="a = 1\n")
    done = repo.try_git("push", "prod", "main")
    assert done.returncode != 0
    assert "held until it is approved (dagwarden approve" in done.stderr
    assert state_of(cloud).number == 0
    assert repo.try_git("push", "-o", "break-glas=x", "prod", "main").returncode != 0
    done = repo.try_git("push", "-o", "break-glass=payroll stands still", "prod", "main")
    assert done.returncode == 0, done.stderr
    assert "emergency (payroll stands still): release 1" in done.stderr


@pytest.mark.usefixtures("inbox_gate")
def test_a_push_after_a_rollback_starts_from_what_is_live(repo: Repo, cloud: Cloud) -> None:
    first = repo.commit(dags__a="a = 1\n", dags__b="b = 1\n")
    repo.git("push", "prod", "main")
    repo.commit(dags__a="a = 2\n")
    repo.git("push", "prod", "main")
    rollback = PushManifest(
        environment=PROD, source="console", created_at=utc_now(), changes=(), rollback_to=ReleaseNumber(1)
    )
    offer = Offer(changes=(), contents={}, findings=(), digests={})
    assert Delivery(cloud, lambda _: None, utc_now).deliver(rollback, offer, 20.0).release == 3
    assert repo.git("ls-remote", "prod").split()[0] == first
    repo.commit(dags__b="b = 2\n")
    done = repo.try_git("push", "prod", "main")
    assert "release 4 (2 files changed)" in done.stderr
    assert {change.path for change in pushes_in(cloud)[-1].manifest.changes} == {"dags/a.py", "dags/b.py"}


def test_what_cannot_be_released_is_not_sent(repo: Repo, cloud: Cloud) -> None:
    repo.commit(dags__a="a = 1\n", dags__large="version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (repo.folder / "dags" / "link.py").symlink_to("a.py")
    commit = repo.git("rev-parse", "HEAD")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{commit},dags/module")
    (repo.folder / "dags" / "A.py").write_text("collides = 1\n")
    repo.git("add", "dags/A.py", "dags/link.py")
    repo.git("commit", "-q", "-m", "Add what cannot go")
    done = repo.try_git("push", "prod", "main")
    assert done.returncode != 0
    for line in (
        "remote: dags/link.py: error [path-link DW803]",
        "remote: dags/module: error [file-submodule DW840]",
        "remote: dags/large.py: error [file-lfs-pointer DW841]",
        "remote: dags/a.py: error [path-case-collision DW806]",
        "(not sent: 4 errors)",
    ):
        assert line in done.stderr
    assert pushes_in(cloud) == []


def test_refs_that_no_environment_has_are_refused_with_a_reason(repo: Repo, cloud: Cloud) -> None:
    repo.commit(dags__a="a = 1\n")
    repo.git("tag", "v1")
    repo.git("branch", "other")
    for arguments, reason in (
        (("main", "other"), "push one branch at a time"),
        (("v1",), "push to a branch"),
    ):
        done = repo.try_git("push", "prod", *arguments)
        assert done.returncode != 0
        assert reason in done.stderr
    assert pushes_in(cloud) == []


def test_a_shallow_clone_is_told_to_name_its_source(repo: Repo, make_repo: Callable[[str], Repo]) -> None:
    repo.commit(dags__a="a = 1\n")
    repo.commit(dags__a="a = 2\n")
    clone = make_repo("clone")
    clone.git("fetch", "-q", "--depth=1", f"file://{repo.folder}", "main")
    clone.git("reset", "-q", "--hard", "FETCH_HEAD")
    done = clone.try_git("push", "prod", "main")
    assert done.returncode != 0
    assert "git config dagwarden.source NAME" in done.stderr


def test_missing_and_mistyped_settings_are_named(repo: Repo) -> None:
    repo.commit(dags__a="a = 1\n")
    ledger = repo.environ.pop("DAGWARDEN_LEDGER_BUCKET")
    done = repo.try_git("push", "prod", "main")
    assert done.returncode != 0
    assert "fatal: read settings: DAGWARDEN_LEDGER_BUCKET is not set" in done.stderr
    repo.git("config", "dagwarden.ledgerBucket", ledger)
    assert repo.git("ls-remote", "prod") == ""
    repo.git("config", "dagwarden.legerBucket", ledger)
    assert "did you mean ledgerbucket?" in repo.try_git("push", "prod", "main").stderr


def test_without_a_verdict_the_push_fails_and_says_that_it_is_submitted(repo: Repo, cloud: Cloud) -> None:
    repo.commit(dags__a="a = 1\n")
    repo.git("remote", "set-url", "prod", repo.git("remote", "get-url", "prod") + "?timeout=0.2")
    done = repo.try_git("push", "prod", "main")
    assert done.returncode != 0
    assert "the push is submitted and may be released yet" in done.stderr
    assert len(pushes_in(cloud)) == 1


def test_an_interrupted_push_says_what_became_of_it(repo: Repo, cloud: Cloud) -> None:
    repo.commit(dags__a="a = 1\n")
    with subprocess.Popen(
        ["git", "push", "prod", "main"],
        cwd=repo.folder,
        env=repo.environ,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        seen = ""
        while "waiting for the gate" not in seen:
            line = process.stderr.readline()
            assert line, seen
            seen += line
        os.killpg(process.pid, signal.SIGINT)
        seen += process.stderr.read()
        assert process.wait(timeout=20) != 0
    [push] = pushes_in(cloud)
    assert f"interrupted: it was submitted, and is decided without you (push {push.push_id})" in seen
    assert push.findings == ()


def test_a_push_is_decided_even_when_nobody_waits(repo: Repo, cloud: Cloud, inbox_gate: InboxGate) -> None:
    repo.commit(dags__a="a = 1\n")
    repo.git("remote", "set-url", "prod", repo.git("remote", "get-url", "prod") + "?timeout=0.01")
    repo.try_git("push", "prod", "main")
    deadline = time.monotonic() + 20
    while state_of(cloud).number == 0:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert "Everything up-to-date" in repo.try_git("push", "prod", "main").stderr
    assert len(inbox_gate.seen) == 1


def test_the_helper_run_by_hand_says_what_it_is_for(tmp_path: Path, push_environ: dict[str, str]) -> None:
    done = subprocess.run(
        ["git-remote-dagwarden"], cwd=tmp_path, env=push_environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 128
    assert "run by git push" in done.stderr
