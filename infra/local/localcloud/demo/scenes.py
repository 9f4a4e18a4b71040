"""The scenes of the demo, in order. Each has its effect or raises SceneFailed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
from collections.abc import Callable

from dagwarden.audit.entry import Kind
from dagwarden.cli.output import format_duration
from dagwarden.names import ReleaseNumber
from localcloud.demo.stage import Stage, check
from localcloud.stack import blueprint as plan

EDITED = "tutorial.py"
EXAMPLES = (("airflow.example_dags", "dags"), ("airflow.providers.standard.example_dags", "dags/standard"))
"""Installed package -> folder of the repository."""
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


def push_the_examples(stage: Stage) -> None:
    """A repository of Airflow's own example DAGs is pushed with plain git."""
    for package, folder in EXAMPLES:
        spec = importlib.util.find_spec(package)
        locations = spec.submodule_search_locations if spec else None
        check(bool(locations), f"{package} is not installed")
        shutil.copytree((locations or [])[0], stage.repository / folder, ignore=IGNORED)
    for arguments in (
        ("init", "-q", "-b", "main"),
        ("config", "user.name", "Ada"),
        ("config", "user.email", "ada@example.com"),
        ("remote", "add", "prod", f"dagwarden::gs://{plan.INBOX}/{plan.ENVIRONMENT}"),
    ):
        done = stage.git(*arguments)
        check(done.returncode == 0, done.stdout)
    stage.commit("The example DAGs of Apache Airflow")
    files = sum(1 for path in stage.repository.rglob("*.py"))
    stage.say(f"   $ git push prod main      # {files} Python files nobody here wrote")
    _push(stage)
    _say_times(stage, ReleaseNumber(1))
    check(stage.head() == 1, "the first push is not release 1")
    check(stage.tree_file("worker-1", f"dags/{EDITED}").exists(), "the worker has no DAG files")
    check(not stage.tree_file("webserver-1", "dags").exists(), "the web server has DAG files")


def edit_one_file(stage: Stage) -> None:
    """One file is edited and pushed; the time to each instance is shown."""
    file = stage.repository / "dags" / EDITED
    file.write_text(file.read_text() + "\n# edited by Ada\n")
    stage.commit("Edit one DAG")
    stage.say(f"   $ git push prod main      # one line of {EDITED} is new")
    _push(stage)
    _say_times(stage, ReleaseNumber(2))
    for instance in ("scheduler-1", "worker-1", "worker-2"):
        text = stage.tree_file(instance, f"dags/{EDITED}").read_text()
        check("edited by Ada" in text, f"{instance} does not have the edit")


def refuse_bad_pushes(stage: Stage) -> None:
    """A syntax error and a hard-coded secret are refused; nothing changes anywhere."""
    before = stage.receipts()
    bad = stage.repository / "dags" / "bad.py"
    for title, text, rule in (
        ("a syntax error", "from airflow.sdk import DAG\n\ndag = DAG('bad'\n", "syntax-error"),
        ("a hard-coded secret", _secretive(), "secret"),
    ):
        bad.write_text(text)
        stage.commit(f"Add {title}")
        stage.say(f"   $ git push prod main      # {title}")
        done = stage.git("push", "prod", "main")
        stage.show(done.stdout)
        check(done.returncode != 0, f"{title} was not refused")
        check("bad.py" in done.stdout and rule in done.stdout, f"the refusal does not name bad.py and {rule}")
        stage.git("reset", "-q", "--hard", "HEAD~1")
    check(stage.head() == 2, "a refused push made a release")
    after = stage.receipts()
    runs = {name: receipt.release for name, receipt in after.items()}
    check(runs == {name: receipt.release for name, receipt in before.items()}, "a refused push changed an instance")
    stage.say("     still release 2 everywhere")


def take_a_raw_drop(stage: Stage) -> None:
    """One object uploaded with the storage client becomes a release."""
    stage.say(f"   $ gcloud storage cp dropped.py gs://{plan.INBOX}/{plan.ENVIRONMENT}/dags/dropped.py")
    text = "from airflow.sdk import DAG\n\nDAG('dropped', schedule=None)\n"
    stage.owner.bucket(plan.INBOX).blob(f"{plan.ENVIRONMENT}/dags/dropped.py").upload_from_string(text)
    _say_times(stage, ReleaseNumber(3))
    check(stage.tree_file("worker-2", "dags/dropped.py").read_text() == text, "the worker lacks the dropped file")


def heal_drift(stage: Stage) -> None:
    """Somebody overwrites a file in the environment's bucket behind Dagwarden's back."""
    bucket, name = stage.owner.bucket(plan.ENVIRONMENT_BUCKET), f"dags/{EDITED}"
    released = bucket.blob(name).download_as_bytes()
    stage.say(f"   $ gcloud storage cp evil.py gs://{plan.ENVIRONMENT_BUCKET}/dags/{EDITED}")
    bucket.blob(name).upload_from_string("import os\nos.system('id')\n")
    stage.wait_until(lambda: bucket.blob(name).download_as_bytes() == released, "the bucket to be healed")
    stage.wait_until(lambda: bool(stage.audit(Kind.DRIFT_HEALED)), "the healing to be in the audit log")
    for kind in (Kind.DRIFT_DETECTED, Kind.DRIFT_HEALED):
        for entry in stage.audit(kind):
            stage.say(f"     audit: {entry.kind} {entry.what.resource}: {entry.why.reason}")
            stage.say(f"            by {entry.who.name}")


def survive_a_kill(stage: Stage) -> None:
    """An agent is killed with SIGKILL while it applies a release, and comes back right."""
    instance, supervisor = "worker-2", stage.stack.supervisor
    file = stage.repository / "dags" / EDITED
    file.write_text(file.read_text() + "# and again\n")
    stage.commit("Edit it again")
    worker = plan.account("worker")
    stage.stack.admin.plan(
        "storage", "delay", method="objects.download", caller=worker, subject="*/deltas/*", times=2, delay_s=1.0
    )
    number = ReleaseNumber(4)
    done = stage.git("push", "prod", "main")
    check(done.returncode == 0, done.stdout)
    stage.wait_until(lambda: stage.stack.admin.count("storage", "objects.download", worker) > 0, "a worker to fetch")
    pid = supervisor.pid(instance)
    os.kill(pid, signal.SIGKILL)
    stage.say(f"   $ kill -9 {pid}           # {instance}, while it fetches release {number}")
    stage.await_everywhere(number)
    check(supervisor.pid(instance) != pid, "the killed agent is still the old process")
    check("and again" in stage.tree_file(instance, f"dags/{EDITED}").read_text(), "it came back with the old file")
    stage.say(f"     {instance} is process {supervisor.pid(instance)} now, and runs release {number} whole")


def roll_back(stage: Stage) -> None:
    """Rollback to release 1 reaches every instance."""
    stage.say("   $ dagwarden rollback 1")
    done = stage.dagwarden("rollback", "1")
    check(done.returncode == 0, done.stdout)
    _say_times(stage, ReleaseNumber(5))
    first, now = stage.ledger.state(stage.environment, ReleaseNumber(1)), stage.ledger.state(stage.environment)
    check(now.tree == first.tree, "the tree is not that of release 1")
    check("edited by Ada" not in stage.tree_file("worker-1", f"dags/{EDITED}").read_text(), "the edit is still there")


def verify_everything(stage: Stage) -> None:
    """`dagwarden verify` walks the chain, the bucket and every tree, and finds them equal."""
    trees = [f"--tree={stage.stack.agent_root(agent.instance)}" for agent in plan.AGENTS]
    stage.say("   $ dagwarden verify --deep --tree …")
    done = stage.dagwarden("verify", "--deep", *trees)
    for line in done.stdout.splitlines():
        stage.say(f"     {line}")
    check(done.returncode == 0, "something differs")


SCENES: tuple[tuple[str, Callable[[Stage], None]], ...] = (
    ("A first push", push_the_examples),
    ("One edit, and how long it takes to each instance", edit_one_file),
    ("Two pushes that must not pass", refuse_bad_pushes),
    ("A raw drop", take_a_raw_drop),
    ("Drift, healed", heal_drift),
    ("kill -9", survive_a_kill),
    ("Rollback", roll_back),
    ("Proof", verify_everything),
)


def _push(stage: Stage) -> None:
    done = stage.git("push", "prod", "main")
    stage.show(done.stdout)
    check(done.returncode == 0, f"git push failed:\n{done.stdout}")


def _say_times(stage: Stage, number: ReleaseNumber) -> None:
    receipts = stage.await_everywhere(number)
    for name, receipt in sorted(receipts.items()):
        if receipt.visible_at and receipt.pushed_at:
            seconds = (receipt.visible_at - receipt.pushed_at).total_seconds()
            stage.say(f"     release {receipt.release} visible on {name:<12} after {format_duration(seconds)}")


def _secretive() -> str:
    """A DAG with a key in it; put together here, so that no scanner finds one in this file."""
    key = "AIza" + "Sy" + "D3m0" * 8 + "x"
    return f"from airflow.sdk import DAG\n\nAPI_KEY = {key!r}\ndag = DAG('bad', schedule=None)\n"
