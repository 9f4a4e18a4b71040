"""A file is taken apart by when its lines run; a line in doubt is in both parts."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from dagwarden.lint.import_time import FunctionNode
from dagwarden.lint.parts import Part, Parts

SOURCE = """\
import os

LATER = lambda: os.stat(
    "in a lambda"
)


@task(
    retries=int("in a decorator"),
)
def load(
    at: str = str("in a default"),
) -> None:
    "in a docstring"
    print("in a function")

    def inner():
        print("in an inner function")
    return
    print("in dead code")


class Shop:
    NAME = "in a class"

    async def sell(self):
        yield "in a method"


with DAG("a"):
    @dag
    def build():
        print("in a DAG")

        @task
        def deep():
            print("in a task of a DAG")

print("after all")
"""
AT_IMPORT = {"in a lambda", "in a decorator", "in a default", "in a class", "in a DAG", "after all"}
IN_TASKS = {
    "in a decorator", "in a default", "in a function", "in an inner function", "in dead code", "in a task of a DAG",
}  # fmt: skip


def take_apart(source: str) -> Parts:
    return Parts(source, compile(source, "a.py", "exec", dont_inherit=True))


@pytest.mark.parametrize(
    ("part", "held", "others"),
    [
        (Part.AT_IMPORT, AT_IMPORT, {"in a function", "in an inner function", "in a method", "in a task of a DAG"}),
        (Part.IN_TASKS, IN_TASKS, {"in a method", "in a DAG", "after all"}),
    ],
)
def test_each_line_is_in_the_parts_in_which_it_may_run(part: Part, held: set[str], others: set[str]) -> None:
    text = take_apart(SOURCE)[part]
    assert all(words in text for words in held)
    assert not any(words in text for words in others)


def test_where_a_function_shows_no_body_nothing_is_left_out_of_the_tasks() -> None:
    source = SOURCE + "@task\ndef silent():\n    'nothing runs here'\n"
    assert take_apart(source)[Part.IN_TASKS] == source


def test_without_compiled_code_each_part_is_the_whole() -> None:
    assert {Parts(SOURCE)[part] for part in Part} == {SOURCE}
    assert take_apart(SOURCE)[Part.WHOLE] == SOURCE


@pytest.mark.parametrize("folder", ["shared", "tests/unit/lint", "tests/unit/validate"])
def test_no_part_lacks_a_line_that_belongs_to_it(folder: str) -> None:
    """Held against the syntax tree, on files of our own with each function made a task."""
    for file in (Path(__file__).parents[3] / folder).rglob("*.py"):
        source = re.sub(r"(?m)^([ \t]*)((?:async )?def )", r"\1@task\n\1\2", file.read_text())
        parts, numbered = take_apart(source), list(enumerate(source.split("\n"), 1))
        within = [(_first(each), _first(each.body[0]), each.end_lineno) for each in _list_functions(ast.parse(source))]
        bodies = {line for _, body, end in within for line in range(body, (end or body) + 1)}
        functions = {line for first, _, end in within for line in range(first, (end or first) + 1)}
        assert _holds(parts[Part.AT_IMPORT], [line for number, line in numbered if number not in bodies])
        assert _holds(parts[Part.IN_TASKS], [line for number, line in numbered if number in functions])


def _first(statement: ast.stmt) -> int:
    return min([statement.lineno, *(decorator.lineno for decorator in getattr(statement, "decorator_list", ()))])


def _list_functions(tree: ast.Module) -> list[FunctionNode]:
    return [node for node in ast.walk(tree) if isinstance(node, FunctionNode)]


def _holds(text: str, lines: list[str]) -> bool:
    """Whether the text has these lines, in their order, among others."""
    rest = iter(text.split("\n"))
    return all(line in rest for line in lines)
