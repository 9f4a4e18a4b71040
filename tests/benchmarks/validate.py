"""Benchmark `validate`: imports in the sandbox, beside Airflow's DagBag, its command and a bare `python file.py`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from dagwarden.lint.airflow_ignore import might_hold_dag
from dagwarden.names import ReleasePath
from dagwarden.validate.engine import Validator
from dagwarden.validate.report import FileReport, ValidateSettings
from tests.benchmarks.agents import ROOT
from tests.benchmarks.figures import median, percentile
from tests.benchmarks.lint_files import read_release
from tests.benchmarks.results import Row, make_row
from tests.benchmarks.scale import Scale

VALIDATE = "validate"
ROUNDS, BARE_FILES, CHILDREN = 2, 3, 8
P50_AIM_MS, P95_AIM_MS, BAG_AIM, BARE_AIM = 40.0, 120.0, 0.25, 0.01
PROVIDERS_PYTHON = ROOT / ".venv-providers" / "bin" / "python"
GOOGLE = ("google", "22.8.0")
SLEEPS_S = 4.0
SETTINGS = ValidateSettings(memory_bytes=1 << 30)

DAG_BAG = """
import sys
from airflow.dag_processing.dagbag import DagBag
print(len(DagBag(sys.argv[1]).dags))
"""
COMMAND = ("-m", "airflow", "dags", "list-import-errors", "--local")
SLEEPER = "import time\nfrom airflow.sdk import DAG\ndag = DAG('sleeper')\ntime.sleep(60)\n"
STAND_IN = "tests_common"
STAND_INS = {
    "tests_common/test_utils/system_tests.py": "def get_test_run(dag, *rest):\n    return None\n",
    "tests_common/test_utils/watcher.py": "from airflow.sdk import task\n@task(trigger_rule='one_failed')\n"
    "def watcher():\n    pass\n",
    "tests_common/test_utils/version_compat.py": "AIRFLOW_V_3_0_PLUS = True\n",
    "system/google/__init__.py": "DEFAULT_GCP_SYSTEM_TEST_PROJECT_ID = 'project'\n",
    "system/google/gcp_api_client_helpers.py": "def create_airflow_connection(*a, **k): pass\n"
    "def delete_airflow_connection(*a, **k): pass\n",
    "system/openlineage/operator.py": "from airflow.sdk import BaseOperator\n"
    "class OpenLineageTestOperator(BaseOperator):\n"
    "    def __init__(self, file_path=None, **k):\n        super().__init__(**k)\n",
}
"""What the system tests import of Airflow's own test helpers, which are released nowhere."""


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """A tree of DAG files, and whose Airflow they are for."""

    name: str
    root: Path
    python: str

    def list(self) -> list[ReleasePath]:
        """Those of them that may hold DAGs."""
        files = sorted(file for file in self.root.rglob("*.py") if might_hold_dag(file.read_bytes()))
        return [ReleasePath(str(file.relative_to(self.root))) for file in files if STAND_IN not in file.parts]


class Timed(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured on one tree."""

    alone_ms: list[float]
    """Each file by itself, as who asks sees it."""
    whole_s: float
    bag_s: float
    bare_s: float
    command_s: float | None


def measure(folder: Path, scale: Scale) -> list[Row]:
    """All rows; those of Google's provider only where `make test-providers` has made its environment."""
    rounds = min(ROUNDS, scale.applies)
    trees = [_lay_examples(folder / "examples")]
    if PROVIDERS_PYTHON.exists():
        trees.append(_lay_google(folder / "google"))
    rows = []
    for tree in trees:
        with Validator(tree.python) as validator:
            _drop_broken(validator, tree)
            rows += [*_tell(tree, _time(validator, tree, folder, rounds)), *_tell_memory(validator, tree, folder)]
    return rows


def _lay_examples(root: Path) -> Files:
    spec = importlib.util.find_spec("airflow")
    packages = Path(next(iter(spec.submodule_search_locations or ()))) if spec else Path()
    for source in sorted(packages.rglob("example_dags")):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, root / "dags" / source.relative_to(packages), ignore=ignored)
    return Files(name="Airflow's examples", root=root, python=sys.executable)


def _lay_google(root: Path) -> Files:
    for name, content in [*read_release(*GOOGLE), *STAND_INS.items()]:
        file = root / "dags" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Files(name="Google's system tests", root=root, python=str(PROVIDERS_PYTHON))


def _drop_broken(validator: Validator, tree: Files) -> None:
    """The tree holds those files alone that its Airflow has all packages for."""
    for report in validator.validate_files(tree.root, tree.list(), SETTINGS):
        if report.model is None:
            (tree.root / report.path).unlink()


def _time(validator: Validator, tree: Files, folder: Path, rounds: int) -> Timed:
    files = tree.list()
    alone = [_clock_files(validator, tree, [file]) for file in files]
    whole = [_clock_files(validator, tree, files) for _ in range(rounds)]
    environ = _make_environ(folder, tree)
    dags = str(tree.root / "dags")
    bag = [_clock([tree.python, "-W", "ignore", "-c", DAG_BAG, dags], environ) for _ in range(rounds)]
    sample = files[:: max(1, len(files) // BARE_FILES)][:BARE_FILES]
    bare = [_clock([tree.python, str(tree.root / file)], environ) for file in sample]
    subprocess.run([tree.python, "-m", "airflow", "db", "migrate"], env=environ, capture_output=True, check=False)
    command = _clock([tree.python, *COMMAND], environ)
    return Timed(
        alone_ms=[1000 * each for each in alone],
        whole_s=median(whole),
        bag_s=median(bag),
        bare_s=median(bare),
        command_s=command,
    )


def _clock_files(validator: Validator, tree: Files, files: Sequence[ReleasePath]) -> float:
    begun = time.perf_counter()
    reports: list[FileReport] = validator.validate_files(tree.root, files, SETTINGS)
    taken = time.perf_counter() - begun
    if any(each.model is None for each in reports):
        raise RuntimeError("these files cannot be imported")
    return taken


def _make_environ(folder: Path, tree: Files) -> Mapping[str, str]:
    return {
        **os.environ,
        "AIRFLOW_HOME": str(folder / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(tree.root / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": str(tree.root / "dags"),
    }


def _clock(command: Sequence[str], environ: Mapping[str, str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - begun


def _tell(tree: Files, timed: Timed) -> list[Row]:
    p50, p95 = percentile(timed.alone_ms, 50), percentile(timed.alone_ms, 95)
    count = len(timed.alone_ms)
    rows = [
        make_row(VALIDATE, f"{tree.name}: one file, p50", p50, "ms", aim=P50_AIM_MS, note=f"{count} files, warm"),
        make_row(VALIDATE, f"{tree.name}: one file, p95", p95, "ms", aim=P95_AIM_MS),
        make_row(
            VALIDATE, f"{tree.name}: all at once", timed.whole_s, "s", rival=timed.bag_s,
            note="the rival: DagBag in one process, its start included",
        ),
        make_row(VALIDATE, f"{tree.name}: time beside DagBag", timed.whole_s / timed.bag_s, "x", aim=BAG_AIM),
        make_row(
            VALIDATE, f"{tree.name}: time beside `python file.py`", p50 / 1000 / timed.bare_s, "x", aim=BARE_AIM,
            note=f"which takes {timed.bare_s:.1f} s a file",
        ),
    ]  # fmt: skip
    if timed.command_s is not None:
        ratio = timed.whole_s / timed.command_s
        note = f"which takes {timed.command_s:.1f} s"
        rows.append(
            make_row(VALIDATE, f"{tree.name}: time beside `airflow dags list-import-errors`", ratio, "x", note=note)
        )
    return rows


def _tell_memory(validator: Validator, tree: Files, folder: Path) -> list[Row]:
    """Of the warm parent, and of children at work over it: as many as there are cores, reckoned for eight."""
    root = folder / f"asleep-{tree.root.name}"
    (root / "dags").mkdir(parents=True)
    files = [ReleasePath(f"dags/sleeper_{number}.py") for number in range(len(os.sched_getaffinity(0)))]
    for file in files:
        (root / file).write_text(SLEEPER)
    patient = msgspec.structs.replace(SETTINGS, import_timeout_s=SLEEPS_S)
    (parent,) = _children_of(os.getpid())
    held = _read_rollup(parent)
    asleep = threading.Thread(target=validator.validate_files, args=(root, files, patient))
    asleep.start()
    time.sleep(SLEEPS_S / 2)
    children = [_read_rollup(child) for child in _children_of(parent)]
    asleep.join()
    own = median([each["Private_Dirty:"] for each in children])
    return [
        make_row(VALIDATE, f"{tree.name}: the warm parent holds", held["Rss:"] / 1e6, "MB"),
        make_row(
            VALIDATE, f"{tree.name}: a child holds of its own", own / 1e6, "MB",
            note=f"{CHILDREN} over the parent: {(held['Rss:'] + CHILDREN * own) / 1e6:,.0f} MB in all, reckoned",
        ),
    ]  # fmt: skip


def _children_of(parent: int) -> list[int]:
    lists = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(pid) for file in lists for pid in file.read_text().split()]


def _read_rollup(pid: int) -> dict[str, int]:
    """Kinds of memory of a process, in bytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {line.split()[0]: int(line.split()[1]) * 1024 for line in lines}
