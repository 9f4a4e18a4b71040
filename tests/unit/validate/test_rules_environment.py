"""Rules between the DAGs of an environment, and the rules on what was left out: on values alone."""

from __future__ import annotations

import msgspec
import pytest

from dagwarden.lint.finding import Finding, Severity
from dagwarden.validate.model import Cut, DagModel, FileModel, Known, Target, TaskModel
from dagwarden.validate.rules.environment import check_environment
from dagwarden.validate.rules.structure import find_cycle
from dagwarden.validate.rules.table import check_file, drop_told


def dag(dag_id: str, *tasks: str, groups: tuple[str, ...] = (), target: Target | None = None) -> DagModel:
    made = [TaskModel(task_id=name, operator="x.Y") for name in tasks]
    if target is not None:
        made.append(TaskModel(task_id="names", operator="x.Y", targets=(target,)))
    return DagModel(dag_id=dag_id, tasks=tuple(made), groups=groups)


def file(path: str, *dags: DagModel) -> FileModel:
    return FileModel(path=path, dags=dags)


def rules(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(finding.rule, finding.path, finding.severity) for finding in findings]


def literal(dag_id: str, *tasks: str, group: str = "", known: Known = Known.LITERAL) -> Target:
    return Target(dag_id=dag_id, task_ids=tasks, group_id=group, known=known)


def test_a_dag_id_of_another_file_denies() -> None:
    files = [file("dags/a.py", dag("etl")), file("dags/b.py", dag("etl")), file("dags/c.py", dag("other"))]
    assert rules(check_environment(files, {"dags/b.py"})) == [("duplicate-dag-id", "dags/b.py", "error")]
    assert "`dags/a.py`" in check_environment(files, {"dags/b.py"})[0].message


def test_a_dag_id_twice_in_one_file_denies() -> None:
    assert rules(check_environment([file("dags/a.py", dag("etl"), dag("etl"))])) == [
        ("duplicate-dag-id", "dags/a.py", "error")
    ]


def test_a_clash_of_files_that_a_push_does_not_touch_is_not_its_fault() -> None:
    files = [file("dags/a.py", dag("etl")), file("dags/b.py", dag("etl")), file("dags/c.py", dag("other"))]
    assert check_environment(files, {"dags/c.py"}) == []


@pytest.mark.parametrize(
    "target",
    [
        literal("etl"),
        literal("etl", "load"),
        literal("etl", group="stage"),
        literal("{{ params.dag }}", known=Known.TEMPLATED),
        Target(known=Known.UNREADABLE),
    ],
)
def test_targets_that_are_there_or_cannot_be_known_are_fine(target: Target) -> None:
    files = [file("dags/a.py", dag("etl", "load", groups=("stage",))), file("dags/b.py", dag("b", target=target))]
    assert check_environment(files) == []


@pytest.mark.parametrize(
    ("target", "what"),
    [
        (literal("elt"), "the DAG `elt`"),
        (literal("etl", "load", "lost"), "`lost` of the DAG `etl`"),
        (literal("etl", group="lost"), "the group `lost`"),
        (literal("elt", known=Known.MAPPED), "the DAG `elt`"),
    ],
)
def test_targets_that_are_not_there_are_told(target: Target, what: str) -> None:
    files = [file("dags/a.py", dag("etl", "load", groups=("stage",))), file("dags/b.py", dag("b", target=target))]
    (finding,) = check_environment(files)
    assert (finding.rule, finding.path, finding.severity) == ("missing-target", "dags/b.py", Severity.WARNING)
    assert what in finding.message


def test_what_others_waited_for_and_a_push_takes_away_is_noted() -> None:
    files = [file("dags/a.py", dag("renamed")), file("dags/b.py", dag("b", target=literal("etl")))]
    assert rules(check_environment(files, {"dags/a.py"})) == [("missing-target", "dags/b.py", "info")]


def test_nothing_is_missing_from_what_is_not_whole() -> None:
    files = [file("dags/b.py", dag("b", target=literal("etl")))]
    assert check_environment(files, is_whole=False) == []


def test_what_was_left_out_and_what_was_patched_is_told() -> None:
    model = FileModel(
        path="dags/a.py",
        dags=(dag("etl", "a"),),
        cuts=(Cut(what="tasks", kept=20_000, of=20_001),),
        patched=("airflow.x.Y.execute",),
    )
    found = {finding.rule: finding for finding in check_file(model)}
    assert found["model-cut"].message == "tasks: 20000 of 20001 were read"
    assert found["operator-patched"].severity is Severity.ERROR


def test_what_lint_told_with_its_line_is_not_told_again() -> None:
    model = FileModel(path="dags/a.py", dags=(dag("etl"),))
    found = check_file(model)
    assert {finding.rule for finding in found} == {"dag-without-tasks"}
    told = Finding(rule="dag-without-tasks", severity=Severity.WARNING, path="dags/a.py", line=7, message="no tasks")
    assert drop_told(found, [told]) == []
    assert drop_told(found, [msgspec.structs.replace(told, path="dags/b.py")]) == found


@pytest.mark.parametrize(
    ("edges", "circle"),
    [
        ({"a": ("b",), "b": ("c",), "c": ()}, []),
        ({"a": ("b", "c"), "b": ("d",), "c": ("d",), "d": ()}, []),
        ({"a": ("a",)}, ["a", "a"]),
        ({"a": ("b", "c"), "b": (), "c": ("d",), "d": ("a",)}, ["a", "c", "d", "a"]),
        ({str(n): (str(n + 1),) for n in range(5_000)}, []),
    ],
)
def test_circles_are_found_without_recursion(edges: dict[str, tuple[str, ...]], circle: list[str]) -> None:
    assert find_cycle(edges) == circle
