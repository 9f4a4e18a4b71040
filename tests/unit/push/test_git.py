"""A repository read through git's plumbing, with names and modes as odd as git allows."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dagwarden.errors import InvalidInput
from dagwarden.push.git import Repository


class Made:
    """A fresh repository that a test fills."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = Repository(str(folder))
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Ada")
        self.git("config", "user.email", "ada@example.com")

    def git(self, *arguments: str | bytes, stdin: bytes = b"") -> str:
        environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=environ, input=stdin, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def commit(self, *files: tuple[str, bytes, bytes], message: str = "Change") -> str:
        """Commit (mode, name, content) as index entries: no file system stands between."""
        for mode, name, content in files:
            blob = self.git("hash-object", "-w", "--stdin", stdin=content)
            line = f"{mode} {blob}\t".encode() + name + b"\0"
            self.git("update-index", "-z", "--index-info", stdin=line)
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A fresh repository."""
    return Made(tmp_path)


def test_a_tree_is_listed_with_its_modes_and_what_is_no_file(made: Made) -> None:
    names = ["dags/a b.py", 'dags/"q".py', "dags/é.py", "dags/new\nline.py", "dags/tab\t.py"]
    files = [("100644", name.encode(), b"x") for name in names]
    commit = made.commit(
        *files, ("100755", b"dags/run.sh", b"x"), ("120000", b"link", b"a"), ("100644", b"\xff.py", b"x")
    )
    made.git("update-index", "--add", "--cacheinfo", f"160000,{commit},module")
    tree = made.repository.list_tree(made.commit())
    assert dict(tree.files).keys() == {*names, "dags/run.sh"}
    assert dict(tree.files)["dags/run.sh"].mode == "0755"
    assert sorted(each.finding.rule for each in tree.strange) == ["file-submodule", "path-link", "path-not-utf8"]


def test_blobs_are_read_once_each_and_whole(made: Made) -> None:
    contents = [b"", b"\n", b"no newline", b"blob 3\n", bytes(range(256)) * 300, b"twice", b"twice"]
    commit = made.commit(*(("100644", f"{n}".encode(), content) for n, content in enumerate(contents)))
    keys = [file.key for _, file in made.repository.list_tree(commit).files]
    blobs = made.repository.read_blobs(keys, 10**9)
    assert [blobs[key] for key in keys] == contents
    assert made.repository.read_blobs([], 0) == {}
    with pytest.raises(InvalidInput, match="a push may have 100"):
        made.repository.read_blobs(keys, 100)


def test_a_commit_is_found_by_branch_tag_and_beginning_and_not_by_anything_else(made: Made) -> None:
    commit = made.commit(("100644", b"a", b"x"))
    made.git("tag", "-a", "v1", "-m", "one")
    for name in ("main", "refs/heads/main", "v1", "HEAD", commit, commit[:10]):
        assert made.repository.find_commit(name) == commit
    for name in ("none", "HEAD~1", "0" * 40, "--all", "", made.git("rev-parse", "HEAD:a")):
        assert made.repository.find_commit(name) == ""


def test_history_tells_ancestors_authors_message_and_root(made: Made) -> None:
    first = made.commit(("100644", b"a", b"1"))
    made.git("config", "user.name", "Bob \x1b[31m")
    second = made.commit(("100644", b"a", b"2"), message="Subject\n\nBody\n")
    repository = made.repository
    assert repository.is_ancestor(first, second)
    assert not repository.is_ancestor(second, first)
    assert repository.find_root(second) == first
    assert repository.list_authors(first, second) == ("Bob \\x1b[31m <ada@example.com>",)
    assert len(repository.list_authors("", second)) == 2
    assert repository.read_message(second) == "Subject\n\nBody"
    assert repository.find_branch() == "refs/heads/main"
    assert not repository.is_shallow()


def test_configuration_is_read_with_values_of_several_lines(made: Made) -> None:
    made.git("config", "dagwarden.ledgerBucket", "a=b\nc")
    assert ("dagwarden.ledgerbucket", "a=b\nc") in made.repository.read_config()


def test_outside_a_repository_git_says_so(tmp_path: Path) -> None:
    repository = Repository(str(tmp_path))
    assert repository.find_commit("HEAD") == ""
    with pytest.raises(InvalidInput, match="not a git repository"):
        repository.list_tree("HEAD")
