"""Where the policy wants signed commits, one of its signers has signed the very commit that is pushed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec
import pytest
from tests.unit.policy.cases import NOW, make_facts, make_policy
from tests.unit.push.ssh_keys import make_key, read_line

from dagwarden.policy.commits import explain_commit
from dagwarden.policy.decide import decide
from dagwarden.policy.model import Policy
from dagwarden.policy.verdict import Outcome
from dagwarden.push.manifest import PushManifest

WANTS = "    commits: signed\nsigners:\n  - principal: ann@acme.example\n    keys: ['{line}']\n"


class Author:
    """Somebody who commits."""

    def __init__(self, folder: Path, key: Path, *, hash_name: str = "sha1") -> None:
        self._folder = folder
        self._environ = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(folder)}
        self.git("init", "-q", "-b", "main", f"--object-format={hash_name}")
        for name, value in (
            ("user.name", "Ann"),
            ("user.email", "ann@acme.example"),
            ("gpg.format", "ssh"),
            ("user.signingKey", str(key)),
        ):
            self.git("config", name, value)

    def git(self, *arguments: str) -> bytes:
        done = subprocess.run(
            ["git", *arguments], cwd=self._folder, env=self._environ, capture_output=True, check=True, timeout=60
        )
        return done.stdout

    def commit(self, *options: str) -> PushManifest:
        self.git("commit", "-q", "--allow-empty", "-m", "Load orders\n\n indented\n\nhourly", *options)
        head = self.git("rev-parse", "HEAD").decode().strip()
        return msgspec.structs.replace(
            make_facts().manifest, head_commit=head, commit=self.git("cat-file", "commit", head)
        )


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Ann's key."""
    return make_key(tmp_path, "ann", "-t", "ed25519")


@pytest.fixture
def author(tmp_path: Path, key: Path) -> Author:
    """Ann."""
    return Author(tmp_path, key)


@pytest.fixture
def policy(key: Path) -> Policy:
    """One that wants signed commits."""
    return make_policy(WANTS.format(line=read_line(key)))


def explain(policy: Policy, manifest: PushManifest) -> str:
    return explain_commit(manifest, policy.signers, NOW)


@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
def test_a_commit_that_a_signer_signed_passes(tmp_path: Path, key: Path, policy: Policy, hash_name: str) -> None:
    (tmp_path / hash_name).mkdir()
    manifest = Author(tmp_path / hash_name, key, hash_name=hash_name).commit("-S")
    assert explain(policy, manifest) == ""
    facts = msgspec.structs.replace(make_facts(), manifest=manifest)
    assert decide(policy, facts).outcome is Outcome.ALLOWED


def test_a_commit_that_nobody_signed_is_denied_by_the_entry_that_wants_it(author: Author, policy: Policy) -> None:
    facts = msgspec.structs.replace(make_facts(), manifest=author.commit())
    decision = decide(policy, facts)
    assert decision.outcome is Outcome.DENIED
    [finding] = decision.findings
    assert (finding.rule, finding.clause) == ("commit-not-signed", "policy.yaml:8")
    assert "is not signed" in finding.message


def test_another_entry_may_still_cover_what_is_not_signed(author: Author, key: Path) -> None:
    rest = WANTS.format(line=read_line(key))
    commits, _, signers = rest.partition("signers:")
    other = "  - {name: free, principals: ['*'], paths: ['dags/free/**']}\n"
    policy = make_policy(f"{commits}{other}signers:{signers}")
    facts = msgspec.structs.replace(make_facts(paths=["dags/free/a.py"]), manifest=author.commit())
    assert decide(policy, facts).outcome is Outcome.ALLOWED
    facts = msgspec.structs.replace(make_facts(paths=["dags/team/a.py"]), manifest=author.commit())
    assert [finding.rule for finding in decide(policy, facts).findings] == ["path-not-allowed"]


def test_a_commit_that_is_not_the_one_pushed_proves_nothing(author: Author, policy: Policy) -> None:
    signed = author.commit("-S")
    other = author.commit()
    assert "is not the commit" in explain(policy, msgspec.structs.replace(other, commit=signed.commit))
    assert "does not hold its commit" in explain(policy, msgspec.structs.replace(signed, commit=b""))
    for bent in (signed.commit + b"\n", signed.commit.replace(b"Load", b"Lose")):
        assert "is not the commit" in explain(policy, msgspec.structs.replace(signed, commit=bent))
    assert explain(policy, msgspec.structs.replace(signed, head_commit="")) != ""


def test_a_signature_of_another_commit_does_not_hold(tmp_path: Path, author: Author, policy: Policy) -> None:
    signed = author.commit("-S").commit
    (tmp_path / "forged").write_bytes(signed.replace(b"Load", b"Lose"))
    head = author.git("hash-object", "-t", "commit", "-w", str(tmp_path / "forged")).decode().strip()
    forged = (tmp_path / "forged").read_bytes()
    manifest = msgspec.structs.replace(make_facts().manifest, head_commit=head, commit=forged)
    assert "does not hold" in explain(policy, manifest)


def test_a_commit_signed_by_a_stranger_or_with_pgp_is_refused(tmp_path: Path, author: Author, policy: Policy) -> None:
    author.git("config", "user.signingKey", str(make_key(tmp_path, "eve", "-t", "ed25519")))
    assert "is a key of nobody" in explain(policy, author.commit("-S"))
    plain = author.commit().commit
    pgp = b"gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----\n\n"
    (tmp_path / "pgp").write_bytes(plain.replace(b"\n\n", b"\n" + pgp, 1))
    head = author.git("hash-object", "-t", "commit", "-w", str(tmp_path / "pgp")).decode().strip()
    manifest = msgspec.structs.replace(make_facts().manifest, head_commit=head, commit=(tmp_path / "pgp").read_bytes())
    assert "is not signed with an SSH key" in explain(policy, manifest)


def test_a_key_that_may_sign_pushes_alone_signs_no_commits(author: Author, key: Path) -> None:
    line = read_line(key)
    policy = make_policy(WANTS.format(line=line) + "    namespaces: ['dagwarden:*']\n")
    assert "may not sign `git`" in explain(policy, author.commit("-S"))
