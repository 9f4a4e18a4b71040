"""Rules on how the tasks of a DAG hang together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dagwarden.lint.finding import Severity
from dagwarden.validate.model import DagModel, TaskModel
from dagwarden.validate.rules.rule import DagRule, Told, make_page, name_some, name_tasks, share_page

MAX_DEGREE = 200
"""Dependencies of one task on one side."""
MAX_CHAIN = 100
"""Tasks that wait for each other in a row."""

DAG_CYCLE = make_page(
    "DW320", "dag-cycle", "correctness", Severity.ERROR,
    "Finds tasks that wait for each other in a circle.",
    "Airflow refuses the DAG: it vanishes from the environment.",
    "Take out one of the dependencies of the circle.",
)  # fmt: skip
DAG_WITHOUT_TASKS = share_page("DW116", "dag-without-tasks", Severity.WARNING, "Give it tasks, or delete it.")
ISOLATED_TASK = make_page(
    "DW321", "isolated-task", "correctness", Severity.INFO,
    "Finds tasks without any dependency in a DAG whose other tasks have some.",
    "A forgotten `>>` looks like this: the task runs at once, before what it needs.",
    "Say what it waits for, or move it to a DAG of its own.",
)  # fmt: skip
JOIN_SKIPPED_BY_BRANCH = make_page(
    "DW322", "join-skipped-by-branch", "correctness", Severity.WARNING,
    "Finds tasks that wait for several branches of one choice with the trigger rule `all_success`.",
    "The branch not taken is skipped, so the join is skipped as well, and everything after it.",
    'Give the join `trigger_rule="none_failed_min_one_success"`.',
)  # fmt: skip
FAILURE_HIDDEN_BY_LEAF = make_page(
    "DW323", "failure-hidden-by-leaf", "correctness", Severity.WARNING,
    "Finds last tasks that run whatever happened before, where no other last task shows a failure.",
    "A run is as its last tasks are: it succeeds though a task before failed, and nobody is told.",
    'Make it a teardown (`as_teardown`), or add a watcher task with `trigger_rule="one_failed"`.',
)  # fmt: skip
TOO_MANY_DEPENDENCIES = make_page(
    "DW324", "too-many-dependencies", "performance", Severity.INFO,
    f"Finds tasks with more than {MAX_DEGREE} direct dependencies on one side.",
    "Each of them is looked at in every loop of the scheduler.",
    "Put an EmptyOperator between two wide stages, or map one task over its inputs.",
)  # fmt: skip
CHAIN_TOO_LONG = make_page(
    "DW325", "chain-too-long", "performance", Severity.INFO,
    f"Finds DAGs where more than {MAX_CHAIN} tasks wait for each other in a row.",
    "Each costs a loop of the scheduler and a start of a worker process, one after the other.",
    "Let one task do what several do in a row, or make two DAGs, the second started by an asset of the first.",
)  # fmt: skip

_RUNS_ANYHOW = frozenset({"all_done", "always", "dummy", "none_skipped"})
_SHOWS_FAILURE = frozenset({"one_failed", "all_failed"})


def _check_cycle(dag: DagModel) -> Iterator[Told]:
    circle = find_cycle({task.task_id: task.downstream for task in dag.tasks})
    if circle:
        path = " >> ".join(f"`{name}`" for name in circle[:20])
        yield Told(f"tasks of `{dag.dag_id}` wait for each other: {path}", dag.line)


def find_cycle(edges: Mapping[str, tuple[str, ...]]) -> list[str]:
    """One circle, its first node repeated at its end; empty where there is none. Without recursion."""
    done: set[str] = set()
    for start in edges:
        path: list[str] = []
        waiting: list[tuple[str, int]] = [(start, 0)]
        while waiting:
            node, depth = waiting.pop()
            done.update(path[depth:])
            del path[depth:]
            if node in path:
                return [*path[path.index(node) :], node]
            if node in done or node not in edges:
                continue
            path.append(node)
            waiting += [(each, depth + 1) for each in edges[node]]
        done.update(path)
    return []


def _check_tasks(dag: DagModel) -> Iterator[Told]:
    if not dag.tasks and not dag.unreadable:
        yield Told(f"`{dag.dag_id}` has no tasks", dag.line)


def _check_isolated(dag: DagModel) -> Iterator[Told]:
    alone = [task for task in dag.tasks if not task.upstream and not task.downstream]
    if alone and len(alone) < len(dag.tasks):
        yield Told(f"nothing waits for {name_tasks(alone)} of `{dag.dag_id}`, nor the other way round", alone[0].line)


def _check_joins(dag: DagModel) -> Iterator[Told]:
    order = sort_tasks(dag)
    told: set[str] = set()
    for branch in dag.tasks:
        if branch.is_branch and len(branch.downstream) > 1 and not branch.is_a("LatestOnlyOperator"):
            for task, ways in _find_joins(branch, order):
                if task.task_id not in told:
                    told.add(task.task_id)
                    where = f"waits for {name_some(ways)}, of which `{branch.task_id}` lets only one run"
                    yield Told(f"`{task.task_id}` of `{dag.dag_id}` {where}: it will be skipped", task.line)


def _find_joins(branch: TaskModel, order: list[TaskModel]) -> Iterator[tuple[TaskModel, list[str]]]:
    """Tasks that need two ways of a branch to succeed; what follows a join of another rule is on no way any more."""
    ways: dict[str, frozenset[str]] = {}
    for task in order:
        own = frozenset({task.task_id}) if task.task_id in branch.downstream else frozenset()
        if (task.trigger_rule or "all_success") != "all_success":
            ways[task.task_id] = (
                own if task.task_id in branch.downstream and task.upstream == (branch.task_id,) else frozenset()
            )
            continue
        reached = [ways[each] for each in task.upstream if ways.get(each)] + ([own] if own else [])
        apart = [one for one in reached if any(not one & other for other in reached)]
        if apart:
            yield task, sorted({min(each) for each in apart})
            ways[task.task_id] = frozenset()
        else:
            ways[task.task_id] = frozenset().union(*reached)


def sort_tasks(dag: DagModel) -> list[TaskModel]:
    """Each task after those it waits for; tasks of a circle are left out."""
    by_id = {task.task_id: task for task in dag.tasks}
    missing = {task.task_id: sum(each in by_id for each in task.upstream) for task in dag.tasks}
    ready = [task_id for task_id, count in missing.items() if not count]
    order = []
    while ready:
        task = by_id[ready.pop()]
        order.append(task)
        for each in task.downstream:
            if each in missing:
                missing[each] -= 1
                if not missing[each]:
                    ready.append(each)
    return order


def _check_leaves(dag: DagModel) -> Iterator[Told]:
    leaves = [task for task in dag.tasks if not task.downstream and not task.is_teardown]
    careless = [task for task in leaves if task.trigger_rule in _RUNS_ANYHOW and task.upstream]
    if not careless or any(task.trigger_rule in _SHOWS_FAILURE for task in leaves):
        return
    by_id = {task.task_id: task for task in dag.tasks}
    shown = _ancestors([task for task in leaves if task not in careless], by_id)
    for task in careless:
        hidden = [each for each in task.upstream if each not in shown]
        if hidden:
            what = f"a failure of {name_some(hidden)} does not fail the run"
            yield Told(f"`{task.task_id}` of `{dag.dag_id}` runs whatever happened: {what}", task.line)


def _ancestors(tasks: list[TaskModel], by_id: Mapping[str, TaskModel]) -> set[str]:
    """The tasks whose failure reaches one of these: through tasks that run anyhow it does not."""
    found: set[str] = set()
    waiting = list(tasks)
    while waiting:
        task = waiting.pop()
        if task.task_id in found:
            continue
        found.add(task.task_id)
        if task.trigger_rule not in _RUNS_ANYHOW:
            waiting += [by_id[each] for each in task.upstream if each in by_id]
    return found


def _check_degree(dag: DagModel) -> Iterator[Told]:
    for task in dag.tasks:
        count = max(len(task.upstream), len(task.downstream))
        if count > MAX_DEGREE:
            yield Told(f"`{task.task_id}` of `{dag.dag_id}` has {count} direct dependencies", task.line)


def _check_chain(dag: DagModel) -> Iterator[Told]:
    lengths: dict[str, int] = {}
    for task in sort_tasks(dag):
        lengths[task.task_id] = 1 + max((lengths.get(each, 0) for each in task.upstream), default=0)
    longest = max(lengths.values(), default=0)
    if longest > MAX_CHAIN:
        yield Told(f"{longest} tasks of `{dag.dag_id}` wait for each other in a row", dag.line)


STRUCTURE_RULES: tuple[DagRule, ...] = (
    DagRule(page=DAG_CYCLE, check=_check_cycle),
    DagRule(page=DAG_WITHOUT_TASKS, check=_check_tasks, is_shared=True),
    DagRule(page=ISOLATED_TASK, check=_check_isolated),
    DagRule(page=JOIN_SKIPPED_BY_BRANCH, check=_check_joins),
    DagRule(page=FAILURE_HIDDEN_BY_LEAF, check=_check_leaves),
    DagRule(page=TOO_MANY_DEPENDENCIES, check=_check_degree),
    DagRule(page=CHAIN_TOO_LONG, check=_check_chain),
)
