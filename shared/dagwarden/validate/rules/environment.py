"""Rules that need all DAGs of an environment: ids that clash, and DAGs that are named by others and are not there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.page import find
from dagwarden.validate.model import GIVEN, DagModel, FileModel, Target, TaskModel
from dagwarden.validate.rules.rule import make_page, name_some, share_page

DUPLICATE_DAG_ID = share_page("DW302", "duplicate-dag-id", Severity.WARNING, "Give each DAG an id of its own.")
MISSING_TARGET = make_page(
    "DW330", "missing-target", "correctness", Severity.WARNING,
    "Finds tasks that trigger, or wait for, a DAG or a task that the environment does not have.",
    "A trigger then fails; a sensor waits until its timeout, seven days by default.",
    "Correct the id, or release the DAG it names first.",
)  # fmt: skip
ENVIRONMENT_PAGES = (DUPLICATE_DAG_ID, MISSING_TARGET)


class Held(msgspec.Struct, frozen=True):
    """One DAG of the environment."""

    path: str
    tasks: frozenset[str]
    groups: frozenset[str]


def check_environment(
    files: Iterable[FileModel], changed: Collection[str] | None = None, *, is_whole: bool = True
) -> list[Finding]:
    """What is wrong between DAGs, told at the files that a push changes.

    Args:
        files: of all DAG files of the environment, as they will be after the push.
        changed: paths of the files to tell of; None tells of all.
        is_whole: whether `files` are all there are; else what is missing from them is not said to be missing.
    """
    files = tuple(files)
    held: dict[str, list[Held]] = {}
    for file in files:
        for dag in file.dags:
            tasks = frozenset(task.task_id for task in dag.tasks)
            held.setdefault(dag.dag_id, []).append(Held(file.path, tasks, frozenset(dag.groups)))
    findings: list[Finding] = []
    for file in files:
        if changed is None or file.path in changed:
            findings += _check_clashes(file, held)
        if is_whole:
            findings += _check_targets(file, held, changed)
    return findings


def _check_clashes(file: FileModel, held: Mapping[str, list[Held]]) -> Iterator[Finding]:
    """Airflow takes one DAG of each id: the other's file is an import error. In one file, whichever comes last."""
    for dag_id in dict.fromkeys(dag.dag_id for dag in file.dags):
        line = next(dag.line for dag in file.dags if dag.dag_id == dag_id)
        others = sorted({each.path for each in held[dag_id]} - {file.path})
        own = sum(dag.dag_id == dag_id for dag in file.dags)
        if others:
            said = f"`{dag_id}` is also the dag_id of a DAG in {name_some(others)}"
        elif own > 1:
            said = f"`{dag_id}` is the dag_id of {own} DAGs of this file: one of them is lost"
        else:
            continue
        finding = find(DUPLICATE_DAG_ID, said, path=file.path, line=line)
        yield msgspec.structs.replace(finding, severity=Severity.ERROR)


def _check_targets(
    file: FileModel, held: Mapping[str, list[Held]], changed: Collection[str] | None
) -> Iterator[Finding]:
    """Also told at files that the push does not change: what they wait for may be what it takes away."""
    seen: set[str] = set()
    for dag in file.dags:
        for task in dag.tasks:
            for target in task.targets:
                said = _explain(dag, task, target, held)
                if said and said not in seen:
                    seen.add(said)
                    finding = find(MISSING_TARGET, said, path=file.path, line=task.line)
                    is_own = changed is None or file.path in changed
                    yield finding if is_own else msgspec.structs.replace(finding, severity=Severity.INFO)


def _explain(dag: DagModel, task: TaskModel, target: Target, held: Mapping[str, list[Held]]) -> str:
    """What is missing; empty when nothing is, or when it cannot be known."""
    if target.known not in GIVEN or not target.dag_id:
        return ""
    who = f"`{task.task_id}` of `{dag.dag_id}` names"
    found = held.get(target.dag_id)
    if not found:
        return f"{who} the DAG `{target.dag_id}`, which the environment does not have"
    tasks = frozenset().union(*(each.tasks for each in found))
    lost = [each for each in target.task_ids if each not in tasks]
    if lost:
        return f"{who} {name_some(lost)} of the DAG `{target.dag_id}`, which has no such task"
    if target.group_id and not any(target.group_id in each.groups for each in found):
        return f"{who} the group `{target.group_id}` of the DAG `{target.dag_id}`, which has no such group"
    return ""
