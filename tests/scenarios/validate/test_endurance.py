"""Many imports in a row leave nothing behind: `make soak-validate` makes 10,000 of them, the suite 300."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from dagwarden.names import ReleasePath
from dagwarden.validate.engine import MAX_FORKS, Validator
from dagwarden.validate.report import ValidateSettings

IMPORTS = int(os.environ.get("VALIDATE_SOAK", "300"))
MAX_GROWTH_BYTES = 4 << 20
"""Of a warm parent, over the thousand imports of its life."""
SETTLED_S = 10.0
NAMESPACES = ("net", "mnt", "ipc", "user")

DAG = "from airflow.sdk import DAG\nfrom airflow.providers.standard.operators.bash import BashOperator\n"
FILES = {
    "many_tasks": DAG + "with DAG('many'):\n  for n in range(30): BashOperator(task_id=f't{n}', bash_command='true')\n",
    "writes": DAG + "open(__import__('tempfile').mkstemp()[1], 'w').write('x' * 100_000)\ndag = DAG('writes')\n",
    "leaves_open": DAG
    + "import os\nheld = [os.open('/dev/null', os.O_RDONLY) for _ in range(50)]\ndag = DAG('open')\n",
    "starts_thread": DAG + "import threading, time\nthreading.Thread(target=time.sleep, args=[60]).start()\n",
    "maps_memory": DAG + "import mmap\nheld = mmap.mmap(-1, 1 << 24)\ndag = DAG('maps')\n",
    "exits": "import airflow, os\nos._exit(0)\n",
    "fails": DAG + "1 / 0\n",
    "broken": "from airflow.sdk import DAG\ndag = DAG(\n",
    "plain": DAG + "with DAG('plain'): BashOperator(task_id='t', bash_command='true')\n",
    "taskflow": "from airflow.sdk import dag, task\n@dag\ndef flow():\n  @task\n  def one(): pass\n  one()\nflow()\n",
}


class Held(msgspec.Struct, frozen=True):
    """What there is besides memory."""

    descriptors: int
    """Of this process and the warm parent."""
    processes: int
    """Children of the warm parent, ended ones that nobody waited for included."""
    mounts: int
    namespaces: int
    """That the two and the children are in: a warm parent has some of its own, and so has who stands by."""
    left_in_folder: int


@pytest.fixture
def validator() -> Iterator[Validator]:
    with Validator() as started:
        yield started


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "dags").mkdir()
    for name, text in FILES.items():
        (tmp_path / "dags" / f"{name}.py").write_text(text)
    return tmp_path


def test_nothing_is_left_of_many_imports(validator: Validator, root: Path) -> None:
    before = set(children_of(os.getpid()))
    files = [ReleasePath(f"dags/{name}.py") for name in FILES]
    settings = ValidateSettings(import_timeout_s=5.0)
    validator.close()
    validator.wait_until_ready()
    validator.validate_files(root, files, settings)
    first, told = look_when_calm(before), [private_bytes(parent_of(before))]
    most, begun = 0, time.monotonic()
    for done in range(0, IMPORTS, len(files)):
        reports = validator.validate_files(root, files, settings)
        assert [each.path for each in reports] == files
        assert len([each for each in reports if each.dags]) == 6
        validator.wait_until_ready()
        if done % MAX_FORKS < MAX_FORKS - 10 * len(files):
            told.append(private_bytes(parent_of(before)))
        else:
            most, told = max(most, growth(told)), []
    most = max(most, growth(told))
    validator.validate_files(root, files, settings)
    assert settle(before, first) == first
    assert most < MAX_GROWTH_BYTES
    per_s = IMPORTS / (time.monotonic() - begun)
    print(
        f"\n{IMPORTS:,} imports, {per_s:.0f} a second; a warm parent grew by {most / 1e6:.1f} MB at most; left: nothing"
    )


def growth(told: list[int]) -> int:
    return max(told) - told[0] if told else 0


def look_when_calm(before: set[int]) -> Held:
    """What is held once a child stands by for the next file."""
    until = time.monotonic() + SETTLED_S
    held = look(parent_of(before))
    while time.monotonic() < until:
        time.sleep(0.05)
        earlier, held = held, look(parent_of(before))
        if held.processes and held == earlier:
            break
    return held


def settle(before: set[int], expected: Held) -> Held:
    """What is held once the kernel has taken down what it takes down later.

    Fewer descriptors count as those expected: something of an earlier test was closed meanwhile.
    """
    until = time.monotonic() + SETTLED_S
    while True:
        held = look(parent_of(before))
        held = msgspec.structs.replace(held, descriptors=max(held.descriptors, expected.descriptors))
        if held == expected or time.monotonic() > until:
            return held
        time.sleep(0.05)


def look(parent: int) -> Held:
    ours = (os.getpid(), parent)
    home = Path(f"/proc/{parent}/cmdline").read_bytes().split(b"\0")[-2].decode()
    return Held(
        descriptors=sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in ours),
        processes=len(children_of(parent)),
        mounts=len(Path(f"/proc/{parent}/mountinfo").read_text().splitlines()),
        namespaces=len({name for pid in (*ours, *children_of(parent)) for name in namespaces_of(pid)}),
        left_in_folder=len(list((Path(home) / "scratch").iterdir())),
    )


def namespaces_of(pid: int) -> set[str]:
    try:
        return {str(Path(f"/proc/{pid}/ns/{kind}").readlink()) for kind in NAMESPACES}
    except OSError:
        return set()


def parent_of(before: set[int]) -> int:
    (parent,) = set(children_of(os.getpid())) - before
    return parent


def children_of(parent: int) -> list[int]:
    all_of_them = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    return [pid for pid in all_of_them if father_of(pid) == parent]


def father_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def private_bytes(pid: int) -> int:
    """What a process wrote and holds alone; pages of libraries are its own or not as others come and go."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_Dirty:"))
