"""Which code of a file runs when the file is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef

CALLED_DECORATORS = frozenset({"dag", "task_group"})
"""Decorators whose function runs when it is called in the file. A `@task` does not: calling it makes an operator.

Source: https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/taskflow.html
"""


def find_import_time_functions(tree: ast.Module) -> frozenset[FunctionNode]:
    """The functions whose body runs while the file is imported, because code that runs then calls them by name.

    Known are calls of a plain name, as `build_dag(...)` and `with build_group():`; a function with a decorator that is
    not known to run it counts as not called, and so does a name that is bound twice.
    """
    if not any(isinstance(node, FunctionNode) for node in tree.body) and not _has_compound(tree.body):
        return frozenset()
    functions = _index_functions(tree)
    found: set[FunctionNode] = set()
    pending: list[ast.AST] = list(tree.body)
    while pending:
        for node in walk_now(pending.pop()):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            function = functions.get(node.func.id)
            if function is not None and function not in found and _runs_when_called(function):
                found.add(function)
                pending += function.body
    return frozenset(found)


def walk_now(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all under it that run when it runs: bodies of functions and lambdas left out, their defaults and
    decorators not, and nothing that stands under `if __name__ == "__main__"` or `if TYPE_CHECKING`."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending += iterate_now(current)


def iterate_now(node: ast.AST) -> list[ast.AST]:
    """The direct children of a node that run when it runs."""
    if isinstance(node, FunctionNode):
        return [*node.decorator_list, *list_defaults(node.args)]
    if isinstance(node, ast.Lambda):
        return list_defaults(node.args)
    if isinstance(node, ast.If) and (is_main_guard(node.test) or is_typing_guard(node.test)):
        return [*node.orelse]
    return list(ast.iter_child_nodes(node))


def list_defaults(arguments: ast.arguments) -> list[ast.AST]:
    """The default values, which are evaluated where the function is defined."""
    return [*arguments.defaults, *(default for default in arguments.kw_defaults if default is not None)]


def is_main_guard(test: ast.expr) -> bool:
    """Whether a test is `__name__ == "__main__"`: never true under Airflow."""
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and test.left.id == "__name__"
        and isinstance(test.ops[0], ast.Eq)
    )


def is_typing_guard(test: ast.expr) -> bool:
    """Whether a test is `TYPE_CHECKING` or `typing.TYPE_CHECKING`: never true at run time."""
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


def _has_compound(body: list[ast.stmt]) -> bool:
    return any(isinstance(node, ast.If | ast.With | ast.For | ast.Try | ast.While) for node in body)


def _index_functions(tree: ast.Module) -> dict[str, FunctionNode]:
    """Functions outside classes by name, those whose name no other one has."""
    by_name: dict[str, list[FunctionNode]] = {}
    pending: list[ast.AST] = [tree]
    while pending:
        for child in ast.iter_child_nodes(pending.pop()):
            if isinstance(child, FunctionNode):
                by_name.setdefault(child.name, []).append(child)
            if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case) and not isinstance(child, ast.ClassDef):
                pending.append(child)
    return {name: functions[0] for name, functions in by_name.items() if len(functions) == 1}


def _runs_when_called(function: FunctionNode) -> bool:
    if isinstance(function, ast.AsyncFunctionDef):
        return False
    is_generator = any(isinstance(node, ast.Yield | ast.YieldFrom) for part in function.body for node in walk_now(part))
    return not is_generator and all(_name(decorator) in CALLED_DECORATORS for decorator in function.decorator_list)


def _name(decorator: ast.expr) -> str:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    return target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""
