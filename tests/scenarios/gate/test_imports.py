"""Pushes whose imports hang once they meet the head: of their own files, and of files they do not touch."""

from __future__ import annotations

from dagwarden.events.objects import ObjectEvent
from dagwarden.handlers.head_imports import HeadImports
from dagwarden.ledger.read import Ledger
from dagwarden.lint.finding import Severity
from dagwarden.lint.graph import build_graph
from tests.scenarios.gate.desk import PROD, Desk

HELPER = "dags/common/gcp.py"
DAG = "dags/etl.py"
USES = "from common.gcp import bucket\n"
TREE = {"dags/common/__init__.py": "", HELPER: "def bucket(): ...\n", DAG: USES}


def offer(desk: Desk, files: dict[str, str] | None = None, deletes: tuple[str, ...] = ()) -> ObjectEvent:
    """Push on whatever is there."""
    return desk.push(files, deletes=deletes, force=True)


def test_a_push_may_import_what_the_head_has(desk: Desk) -> None:
    desk.allow(offer(desk, {HELPER: "def bucket(): ...\n"}))
    desk.allow(offer(desk, {DAG: USES}))
    assert desk.head() == 2


def test_a_push_that_imports_what_nobody_released_is_denied(desk: Desk) -> None:
    desk.allow(offer(desk, TREE))
    assert desk.deny(offer(desk, {"dags/new.py": "from common.gpc import bucket\n"})) == {"import-of-missing-module"}
    assert desk.deny(offer(desk, {"dags/new.py": "from common.gcp import pail\n"})) == {"import-of-missing-name"}


def test_a_helper_that_loses_a_name_is_denied_for_the_sake_of_an_untouched_dag(desk: Desk) -> None:
    desk.allow(offer(desk, TREE))
    verdict = desk.deliver(offer(desk, {HELPER: "def pail(): ...\n"}))
    assert verdict is not None
    (found,) = [each for each in verdict.findings if each.severity is Severity.ERROR]
    assert (found.rule, found.path) == ("import-of-missing-name", DAG)
    assert HELPER in found.message


def test_a_helper_deleted_with_its_importers_is_allowed_and_alone_is_not(desk: Desk) -> None:
    desk.allow(offer(desk, TREE))
    assert desk.deny(offer(desk, deletes=(HELPER,))) == {"import-of-missing-module"}
    assert desk.allow(offer(desk, {DAG: "x = 1\n"}, deletes=(HELPER,))) == 2


def test_a_gate_that_starts_anew_knows_the_head_as_well(desk: Desk) -> None:
    desk.allow(offer(desk, TREE))
    desk.restart()
    assert desk.deny(offer(desk, deletes=(HELPER,))) == {"import-of-missing-module"}


def test_a_gate_follows_what_other_gates_release(desk: Desk) -> None:
    desk.allow(offer(desk, TREE))
    reader = HeadImports(Ledger(desk.cloud))
    reader.at(Ledger(desk.cloud).state(PROD))
    for number in range(12):
        desk.allow(offer(desk, {f"dags/more{number}.py": "import common.gcp\n"}))
    desk.allow(offer(desk, {"dags/more0.py": "x = 1\n"}, deletes=("dags/more1.py",)))
    graph = reader.at(Ledger(desk.cloud).state(PROD))
    assert graph == build_graph({path: text.encode() for path, text in desk.tree().items()})
    assert HeadImports(Ledger(desk.cloud)).at(Ledger(desk.cloud).state(PROD)) == graph


def test_a_push_without_python_reads_nothing_of_the_head(desk: Desk) -> None:
    desk.allow(offer(desk, TREE))
    desk.restart()
    verdict = desk.deliver(offer(desk, {"dags/query.sql": "select 1\n"}))
    assert verdict is not None
    assert verdict.release == 2
