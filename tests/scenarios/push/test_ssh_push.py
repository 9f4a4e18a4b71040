"""Somebody with an SSH key and no service account pushes in their own name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.unit.push.ssh_keys import make_key, read_line

from dagwarden.cli.main import run
from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.identity import utc_now
from dagwarden.ledger.read import Ledger
from dagwarden.names import EnvironmentName, ReleaseNumber, policy_object
from dagwarden.policy.verdict import Outcome, Principal
from dagwarden.push.deliver import Delivery
from dagwarden.push.held import list_waiting
from dagwarden.push.ssh_key import read_key_line

from .conftest import InboxGate, Repo
from .test_submit import offer_of

PROD = EnvironmentName("prod")
POLICY = """\
apiVersion: dagwarden/v1
kind: Policy
validate:
  imports: skipped
signers:
  - principal: ada@acme.example
    keys: ["{line}"]
pushers:
  - name: people
    principals: ["*@acme.example"]
    paths: ["dags/**"]
    may: [push, rollback]
"""


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Ada's key."""
    return make_key(tmp_path, "ada", "-t", "ed25519")


@pytest.fixture
def gate(cloud: Cloud, key: Path) -> Iterator[InboxGate]:
    """A gate whose policy knows people by their SSH keys, and no service account."""
    policy = POLICY.format(line=read_line(key)).encode()
    cloud.store.write(policy_object(PROD), policy, generation=None, content_type="application/yaml")
    with InboxGate(cloud) as running:
        yield running


@pytest.fixture
def ada(key: Path) -> Principal:
    return Principal(name="ada@acme.example", attested_by="ssh", key_id=read_key_line(read_line(key)).fingerprint)


def principal_of(cloud: Cloud, release: int) -> Principal:
    return Ledger(cloud).read(PROD, ReleaseNumber(release)).release.principal


@pytest.mark.usefixtures("gate")
def test_git_push_signs_with_the_key_that_git_is_configured_with(
    repo: Repo, cloud: Cloud, key: Path, ada: Principal
) -> None:
    repo.commit(dags__a="a = 1\n")
    refused = repo.try_git("push", "prod", "main")
    assert refused.returncode != 0
    assert "pusher-unknown" in refused.stderr
    repo.git("config", "remote.prod.dagwarden-signWith", "~/ada")
    assert key.parent == Path(repo.environ["HOME"])
    done = repo.try_git("push", "prod", "main")
    assert done.returncode == 0, done.stderr
    assert "signed with ~/ada; waiting for the gate" in done.stderr
    assert "Signing data" not in done.stderr
    assert principal_of(cloud, 1) == ada

    repo.git("config", "remote.prod.dagwarden-signWith", "~/none")
    repo.commit(dags__a="a = 2\n")
    failed = repo.try_git("push", "prod", "main")
    assert failed.returncode != 0
    assert "ssh-keygen did not sign" in failed.stderr


@pytest.mark.usefixtures("gate")
def test_where_commits_must_be_signed_git_pushes_signed_ones_alone(repo: Repo, cloud: Cloud, key: Path) -> None:
    name = policy_object(PROD)
    policy = cloud.store.read(name).decode() + "    commits: signed\n"
    info = cloud.store.stat(name)
    assert info is not None
    cloud.store.write(name, policy.encode(), generation=info.generation, content_type="application/yaml")
    repo.git("config", "dagwarden.signWith", str(key))
    repo.commit(dags__a="a = 1\n")
    refused = repo.try_git("push", "prod", "main")
    assert refused.returncode != 0
    assert "commit-not-signed" in refused.stderr
    repo.git("config", "gpg.format", "ssh")
    repo.git("config", "user.signingKey", str(key))
    repo.git("commit", "-q", "--amend", "--no-edit", "-S")
    done = repo.try_git("push", "prod", "main")
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("gate")
def test_a_folder_and_a_rollback_are_signed_with_a_key_as_well(
    tmp_path: Path,
    push_environ: dict[str, str],
    cloud: Cloud,
    key: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in push_environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGWARDEN_ENVIRONMENT", PROD)
    (tmp_path / "team").mkdir()
    for text in ("a = 1\n", "a = 2\n"):
        (tmp_path / "team" / "a.py").write_text(text)
        assert run(["push", str(tmp_path / "team"), "--sign-with", str(key)]) == 0
    assert run(["rollback", "1", "--sign-with", str(key)]) == 0
    assert [principal_of(cloud, number).attested_by for number in (1, 2, 3)] == ["ssh"] * 3


@pytest.mark.usefixtures("gate")
def test_a_held_push_is_approved_with_a_key_and_told_until_then(  # noqa: PLR0917 (fixtures)
    tmp_path: Path,
    push_environ: dict[str, str],
    cloud: Cloud,
    key: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bob = make_key(tmp_path, "bob", "-t", "ed25519")
    more = f'  - principal: bob@acme.example\n    keys: ["{read_line(bob)}"]\napprovals:\n'
    more += '  - {name: four eyes, from: ["*@acme.example"], expires_after: 2h}\n'
    policy = POLICY.format(line=read_line(key)).replace("pushers:", f"{more}pushers:")
    cloud.store.write(policy_object(PROD), policy.encode(), generation=None, content_type="application/yaml")
    for name, value in {**push_environ, "DAGWARDEN_ENVIRONMENT": str(PROD)}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "a.py").write_text("a = 1\n")
    assert run(["push", str(tmp_path / "team"), "--sign-with", str(key)]) == 1
    [held] = list_waiting(cloud, PROD)
    own = ["approve", held.push_id, "--timeout", "1"]
    assert run([*own, "--sign-with", str(key)]) == 1
    capsys.readouterr()
    assert run(["explain", held.push_id]) == 1
    told = capsys.readouterr().out
    rows = dict(line.split("  ", 1) for line in told.partition("\n\n")[0].splitlines())
    assert rows["waits for"].strip().startswith("1 of *@acme.example (four eyes, policy.yaml:")
    assert "until" in rows
    assert "ada@acme.example (it is their own push)" in told
    assert run(["explain", held.push_id, "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["outcome"], said["waits"][0]["approved_by"], said["upload"]) == ("held", [], {})
    assert run(["approve", held.push_id, "--sign-with", str(bob), "--timeout", "20"]) == 0
    assert f"signed with {bob}; waiting" in capsys.readouterr().out
    assert principal_of(cloud, 1).name == "ada@acme.example"


@pytest.mark.usefixtures("gate")
def test_a_key_the_policy_does_not_know_pushes_nothing(cloud: Cloud, tmp_path: Path) -> None:
    stranger = make_key(tmp_path, "eve", "-t", "ed25519")
    settings = msgspec.structs.replace(cloud.settings, sign_with=str(stranger))
    manifest, offer = offer_of()
    manifest = msgspec.structs.replace(manifest, created_at=utc_now())
    verdict = Delivery(Cloud(settings, cloud.credentials), lambda _: None, utc_now).deliver(manifest, offer, 20.0)
    assert verdict.outcome is Outcome.DENIED
    assert verdict.principal.attested_by == ""
    [told] = [finding.message for finding in verdict.findings if finding.rule == "attestation-invalid"]
    assert "is a key of nobody that the policy names under `signers`" in told
