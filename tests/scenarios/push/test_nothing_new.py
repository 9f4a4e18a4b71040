"""`git push` of commits that change nothing in the environment."""

from __future__ import annotations

import pytest

from dagwarden.cloud.clients import Cloud
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.release import Release

from .conftest import PROD, Repo


def head_of(cloud: Cloud) -> Release:
    signed = Ledger(cloud).find_head(PROD)
    assert signed is not None
    return signed.release


@pytest.mark.usefixtures("inbox_gate")
def test_a_commit_that_changes_nothing_moves_neither_the_ledger_nor_gits_ref(repo: Repo, cloud: Cloud) -> None:
    first = repo.commit(dags__a="a = 1\n")
    repo.git("push", "prod", "main")
    repo.commit(README="x = 1\n")
    for push in (("prod", "main"), ("prod", "main"), ("--force-with-lease", "prod", "main"), ("-f", "prod", "main")):
        done = repo.try_git("push", *push)
        assert done.returncode == 0, done.stderr
        assert "remote: nothing to release" in done.stderr
        assert f"dagwarden: prod stays at commit {first[:12]}" in done.stderr
        assert repo.git("rev-parse", "prod/main") == first
    assert (head_of(cloud).number, len(list(cloud.inbox.list("prod/pushes/")))) == (1, 1)
    assert repo.git("ls-remote", "prod").split()[0] == first
    third = repo.commit(dags__a="a = 2\n")
    done = repo.try_git("push", "--force-with-lease", "prod", "main")
    assert done.returncode == 0, done.stderr
    assert (head_of(cloud).number, repo.git("rev-parse", "prod/main")) == (2, third)
    assert head_of(cloud).base_commit == first


@pytest.mark.usefixtures("inbox_gate")
def test_a_first_push_that_brings_nothing_is_rejected(repo: Repo) -> None:
    repo.commit()
    done = repo.try_git("push", "prod", "main")
    assert done.returncode != 0
    assert "nothing to release: the commit brings no file to dags/ or plugins/" in done.stderr
    assert repo.try_git("rev-parse", "-q", "--verify", "prod/main").returncode != 0
