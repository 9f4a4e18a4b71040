"""A real gate at the other end of the inbox, and repositories that push to it with git."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from google.auth.credentials import Credentials

from dagwarden.cloud.clients import Cloud
from dagwarden.events.objects import ObjectEvent, ObjectEventKind
from dagwarden.handlers.gate import Gate
from dagwarden.names import EnvironmentName, policy_object
from dagwarden.settings import Settings
from localcloud.testing import RunningCloud

PROD = EnvironmentName("prod")

POLICY = """\
apiVersion: dagwarden/v1
kind: Policy
validate:
  imports: skipped
pushers:
  - name: everybody here
    principals: ["*@{project}.iam.gserviceaccount.com"]
    paths: ["dags/**", "plugins/**"]
    may: [push, force, rollback]
limits:
  max_deletes_percent: 100
"""


class InboxGate:
    """Hands every new object of the inbox to a gate, as Eventarc would, while it runs."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._gate = Gate(cloud)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gate")
        self.seen: set[tuple[str, int]] = set()

    def __enter__(self) -> InboxGate:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(0.02):
            for info in self._cloud.inbox.list(f"{PROD}/"):
                if (info.name, info.generation) not in self.seen:
                    self.seen.add((info.name, info.generation))
                    self._gate.handle(
                        ObjectEvent(
                            bucket=info.bucket,
                            name=info.name,
                            generation=info.generation,
                            kind=ObjectEventKind.FINALIZED,
                            size_bytes=info.size_bytes,
                            md5=info.md5,
                            metadata=info.metadata,
                            time=info.updated_at,
                            event_id=str(info.generation),
                        )
                    )


@pytest.fixture
def inbox_gate(cloud: Cloud, project: str, may_sign: None) -> Iterator[InboxGate]:
    """A gate that decides on whatever lands in the inbox, by a policy that lets this project's accounts push."""
    policy = POLICY.format(project=project).encode()
    cloud.store.write(policy_object(PROD), policy, generation=None, content_type="application/yaml")
    with InboxGate(cloud) as running:
        yield running


@pytest.fixture
def may_sign(cloud_server: RunningCloud, project: str) -> None:
    """The project's account may sign as itself, which owning the project does not include."""
    member = f"serviceAccount:gate-sa@{project}.iam.gserviceaccount.com"
    roles = ("roles/owner", "roles/iam.serviceAccountTokenCreator")
    policy = {"bindings": [{"role": role, "members": [member]} for role in roles]}
    with httpx.Client(base_url=cloud_server.url, timeout=30.0) as http:
        http.post(f"/v1/projects/{project}:setIamPolicy", json={"policy": policy}).raise_for_status()


@pytest.fixture
def push_environ(
    settings: Settings, credentials: Credentials, may_sign: None, cloud_environ: dict[str, str], tmp_path: Path
) -> dict[str, str]:
    """The environment variables of somebody who pushes; git's own configuration of this machine is left out."""
    del credentials  # its key file is what counts
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("DAGWARDEN_", "GIT_"))},
        **cloud_environ,
        **settings.to_environ(),
        "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "gate-key.json"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C.UTF-8",
    }


class Repo:
    """A git repository of one team, with the environment as its remote `prod`."""

    def __init__(self, folder: Path, environ: dict[str, str], inbox: str) -> None:
        self.folder = folder
        self.environ = environ
        folder.mkdir()
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Ada Lovelace")
        self.git("config", "user.email", "ada@example.com")
        self.git("remote", "add", "prod", f"dagwarden::gs://{inbox}/{PROD}")

    def git(self, *arguments: str) -> str:
        """Run git; it must succeed."""
        done = self.try_git(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def try_git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run git, whatever comes of it."""
        return subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def commit(self, **files: str | None) -> str:
        """Commit these files (`dags__a` is dags/a.py; None deletes); returns the commit."""
        for name, content in files.items():
            path = self.folder / (name.replace("__", "/") + ".py")
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", f"Change {', '.join(files)}")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def make_repo(tmp_path: Path, push_environ: dict[str, str], settings: Settings) -> Callable[[str], Repo]:
    """Makes repositories by their folder's name."""
    return lambda name: Repo(tmp_path / name, push_environ, settings.inbox_bucket)


@pytest.fixture
def repo(make_repo: Callable[[str], Repo]) -> Repo:
    """One repository."""
    return make_repo("repo")
