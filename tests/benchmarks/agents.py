"""Benchmark `agent`: applying and first start on 10,000 files, beside Airflow's own GCSDagBundle."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from dagwarden.names import ReleasePath
from localcloud.admin_client import AdminClient
from localcloud.stack import blueprint as plan
from localcloud.stack.run import Stack
from tests.benchmarks.corpus import make_files
from tests.benchmarks.figures import median
from tests.benchmarks.ledgers import Scribe, fill_bucket, running_storage
from tests.benchmarks.results import Row, make_row
from tests.benchmarks.scale import Scale

AGENT = "agent"
FILES = 10_000
APPLY_AIM_MS, APPLY_REQUESTS_AIM = 100.0, 2.0
FIRST_AIM_S, FIRST_REQUESTS_AIM = 3.0, 4.0

DRIVERS = "tests.benchmarks.drivers"
ROOT = Path(__file__).parents[2]
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
RIVAL_VENV = ROOT / ".venv-bench"
RIVAL_REFRESHES = 2


class Step(msgspec.Struct, frozen=True):
    """One step of a driver: time within it, bytes received, requests to Cloud Storage."""

    seconds: float
    received_bytes: float
    requests: float


class Steps(msgspec.Struct, frozen=True):
    """What one of the two needed."""

    start_s: list[float]
    """From the start of the interpreter to the first sync's end."""
    first: list[Step]
    following: list[Step]


def measure(folder: Path, scale: Scale) -> list[Row]:
    """All rows."""
    rival_python = install_rival()
    files = make_files(scale.files(FILES))
    with running_storage(folder / "stack") as stack:
        scribe = Scribe(stack)
        scribe.release(files)
        scribe.snapshot()
        path = next(iter(files))
        scribe.release({path: files[path] + b"\n# after the snapshot\n"})
        ours = _measure_agent(stack, scribe, folder, path, scale)
        owner = fill_bucket(scribe.cloud.settings, files)
        bucket = owner.bucket(plan.ENVIRONMENT_BUCKET)

        def change(number: int) -> None:
            content = files[path] + f"\n# edit {number}\n".encode()
            bucket.write(path, content, generation=None, content_type="text/x-python")

        theirs = _measure_rival(stack, rival_python, folder / "rival", change)
    return _tell(ours, theirs, len(files))


def install_rival() -> Path:
    """The Python of an environment that has what requirements.txt names."""
    uv = shutil.which("uv") or str(ROOT / ".venv" / "boot" / "bin" / "uv")
    python = RIVAL_VENV / "bin" / "python"
    stamp = RIVAL_VENV / "installed"
    if not stamp.exists() or stamp.read_bytes() != REQUIREMENTS.read_bytes():
        subprocess.run([uv, "venv", "-q", "--allow-existing", "--python", sys.executable, str(RIVAL_VENV)], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", str(python), "-r", str(REQUIREMENTS)], check=True)
        stamp.write_bytes(REQUIREMENTS.read_bytes())
    return python


def _measure_agent(stack: Stack, scribe: Scribe, folder: Path, path: ReleasePath, scale: Scale) -> Steps:
    environ = {**_inherited(), **stack.environ("worker")}
    steps = Steps([], [], [])
    for number in range(scale.first_starts):
        command = [sys.executable, "-m", f"{DRIVERS}.agent_driver", str(folder / f"agent-{number}")]
        with _running(command, environ, stack.admin) as do:
            begun = time.perf_counter()
            steps.first.append(do("first"))
            steps.start_s.append(time.perf_counter() - begun)
            if number < scale.first_starts - 1:
                continue
            for edit in range(scale.applies + 2):
                scribe.release({path: f"# edit {edit}\n".encode()})
                steps.following.append(do("next"))
    return Steps(steps.start_s, steps.first, steps.following[2:])


def _measure_rival(stack: Stack, python: Path, home: Path, change: Callable[[int], None]) -> Steps:
    connection = {"conn_type": "google_cloud_platform", "extra": {"is_anonymous": True, "project": plan.PROJECT}}
    environ = {
        **_inherited(),
        **stack.endpoints.to_environ(),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(home / "bundles"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": json.dumps(connection),
        "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA": "true",
    }
    following = []
    command = [str(python), "-m", f"{DRIVERS}.bundle_driver", plan.ENVIRONMENT_BUCKET, "dags/"]
    with _running(command, environ, stack.admin) as do:
        begun = time.perf_counter()
        first = do("first")
        start_s = time.perf_counter() - begun
        for number in range(RIVAL_REFRESHES):
            change(number)
            following.append(do("next"))
    return Steps([start_s], [first], following)


@contextmanager
def _running(command: list[str], environ: Mapping[str, str], admin: AdminClient) -> Iterator[Callable[[str], Step]]:
    """A driver process; within, calling does one step."""
    with subprocess.Popen(
        command, cwd=ROOT, env=dict(environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        answers = process.stdout

        def do(step: str) -> Step:
            before = admin.count("storage")
            assert process.stdin is not None
            process.stdin.write(f"{step}\n")
            process.stdin.flush()
            line = next((line for line in answers if line.startswith('{"seconds"')), None)
            assert line is not None, f"{command[2]} ended"
            measured = json.loads(line)
            return Step(measured["seconds"], measured["received_bytes"], admin.count("storage") - before)

        yield do
        process.stdin.close()
        process.wait()


def _inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}


def _tell(ours: Steps, theirs: Steps, count: int) -> list[Row]:
    rows = []
    for title, unit, factor, time_aim, requests_aim, mine, yours in (
        (
            f"apply one file to {count:,}",
            "ms",
            1000.0,
            APPLY_AIM_MS,
            APPLY_REQUESTS_AIM,
            ours.following,
            theirs.following,
        ),
        (f"first start on {count:,} files", "s", 1.0, FIRST_AIM_S, FIRST_REQUESTS_AIM, ours.first, theirs.first),
    ):
        note = f"median of {len(mine)}; of the rival's {len(yours)}"
        rows += [
            make_row(
                AGENT,
                title,
                factor * median([step.seconds for step in mine]),
                unit,
                aim=time_aim,
                rival=factor * median([step.seconds for step in yours]),
                note=note,
            ),
            make_row(
                AGENT,
                f"{title}: requests",
                median([step.requests for step in mine]),
                "",
                aim=requests_aim,
                rival=median([step.requests for step in yours]),
            ),
            make_row(
                AGENT,
                f"{title}: bytes",
                median([step.received_bytes for step in mine]),
                "B",
                rival=median([step.received_bytes for step in yours]),
            ),
        ]
    note = "start of the interpreter and imports included"
    rows.append(
        make_row(
            AGENT, "first start, whole process", median(ours.start_s), "s", rival=median(theirs.start_s), note=note
        )
    )
    return rows
