"""The lines on which a file's DAGs and tasks stand: Airflow does not keep them, so they are looked up in the text."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator

import msgspec

from dagwarden.validate.model import DagModel, FileModel, TaskModel

_DAG_WORDS = frozenset({"dag", "DAG"})
_LEAVES = frozenset({ast.Name, ast.Constant, ast.Load, ast.Store, ast.alias, ast.arg})


def place(model: FileModel, source: str | bytes) -> FileModel:
    """The model with the line of each DAG and task whose id the text holds as a literal or as a function's name.

    An id that the text makes up (a loop, a factory, YAML) has none: its DAG is placed at the call of `DAG` or `@dag`
    where the file has only one, its tasks where the DAG is.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return model
    dags, tasks, unnamed = _find_ids(tree)
    alone = unnamed[0] if len(unnamed) == 1 and not dags else 0
    return msgspec.structs.replace(model, dags=tuple(_place_dag(dag, dags, tasks, alone) for dag in model.dags))


def _place_dag(dag: DagModel, dags: dict[str, int], tasks: dict[str, int], alone: int) -> DagModel:
    line = dags.get(dag.dag_id, alone)
    placed = tuple(_place_task(task, tasks, line) for task in dag.tasks)
    return msgspec.structs.replace(dag, line=line, tasks=placed)


def _place_task(task: TaskModel, tasks: dict[str, int], otherwise: int) -> TaskModel:
    own = task.task_id.removeprefix(f"{task.group}.")
    return msgspec.structs.replace(task, line=tasks.get(own, tasks.get(own.partition("__")[0], otherwise)))


def _find_ids(tree: ast.Module) -> tuple[dict[str, int], dict[str, int], list[int]]:
    """Lines of DAG ids, of task ids, and of DAGs whose id is no literal; of an id written twice, the first."""
    dags: dict[str, int] = {}
    tasks: dict[str, int] = {}
    unnamed: list[int] = []
    for node in _walk(tree):
        if isinstance(node, ast.Call):
            words = {word.arg: word.value for word in node.keywords}
            is_dag = _last_name(node.func) in _DAG_WORDS
            given = words.get("dag_id", node.args[0] if is_dag and node.args else None)
            if is_dag and _text(given):
                dags.setdefault(_text(given), node.lineno)
            elif is_dag and not any(word in words for word in ("dag", "task_id")) and given is not None:
                unnamed.append(node.lineno)
            if _text(words.get("task_id")):
                tasks.setdefault(_text(words.get("task_id")), node.lineno)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for name in _decorators(node):
                (dags if name == "dag" else tasks).setdefault(node.name, node.lineno)
    return dags, tasks, unnamed


def _walk(tree: ast.Module) -> Iterator[ast.AST]:
    """What `ast.walk` yields, in its order, but for what has nothing in it."""
    waiting: deque[ast.AST] = deque([tree])
    while waiting:
        node = waiting.popleft()
        yield node
        for held in node.__dict__.values():
            if type(held) is list:
                waiting.extend(each for each in held if isinstance(each, ast.AST) and type(each) not in _LEAVES)
            elif isinstance(held, ast.AST) and type(held) not in _LEAVES:
                waiting.append(held)


def _decorators(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """`dag` or `task`, for what makes a DAG or a task of a function."""
    for mark in node.decorator_list:
        made = mark.func if isinstance(mark, ast.Call) else mark
        first = made
        while isinstance(first, ast.Attribute):
            first = first.value
        names = {_last_name(made), first.id if isinstance(first, ast.Name) else ""}
        yield from sorted(names & {"dag", "task", "setup", "teardown"})


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
