"""Undefined names, as ruff finds them, told apart by when their code runs."""

from __future__ import annotations

import pytest

from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.lint import lint_file
from dagwarden.lint.names import UndefinedName, tell_apart
from dagwarden.lint.page import MAX_MATCHES
from dagwarden.lint.ruff import run_ruff
from dagwarden.names import ReleasePath

PATH = ReleasePath("dags/a.py")


def find_undefined(text: str) -> list[Finding]:
    said = run_ruff({PATH: text}, ["F821"])[PATH]
    assert said is not None
    places = [UndefinedName(each.message, each.location.row, each.location.column) for each in said]
    return tell_apart(PATH, text, places)


@pytest.mark.parametrize(
    "text",
    [
        "print(lost)\n",
        "class A:\n    x = lost\n",
        "class A(lost): ...\n",
        "@lost\ndef f(): ...\n",
        "@lost.task(x=1)\ndef f():\n    return 1\n",
        "def f(x=lost): ...\n",
        "def f(*, x=lost): ...\n",
        "def f(x: lost): ...\n",
        "def f() -> lost: ...\n",
        "x: lost = 1\n",
        "f = lambda x=lost: x\n",
        "xs = [lost for _ in range(3)]\n",
        "if 1:\n    for i in lost: ...\n",
        "def f():\n    lost()\nf()\n",
        "def f():\n    lost()\nx = [f() for _ in range(3)]\n",
        "def g():\n    lost()\ndef f():\n    g()\nf()\n",
        "from airflow.sdk import dag\n@dag(schedule=None)\ndef f():\n    lost()\nf()\n",
        "import airflow.sdk\n@airflow.sdk.dag\ndef f():\n    lost()\nwith_it = f()\n",
        "print(f'{lost}')\n",
        "x = 'ü'; print('ü', lost)\n",
        "def f():\n    def g(x=lost): ...\nf()\n",
        "x = 1\ndel x\nprint(x)\n",
        "try:\n    lost()\nexcept ValueError: ...\n",
    ],
)
def test_names_met_at_import_are_errors(text: str) -> None:
    (found,) = find_undefined(text)
    assert (found.rule, found.severity) == ("undefined-name-at-import", Severity.ERROR)


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    lost()\n",
        "async def f():\n    lost()\nf()\n",
        "f = lambda: lost\n",
        "class A:\n    def f(self):\n        lost()\n",
        "from airflow.sdk import task\n@task\ndef f():\n    lost()\nf()\n",
        "def f():\n    lost()\nprint(python_callable=f)\n",
        "def f():\n    yield lost\nf()\n",
        "def f():\n    def g():\n        lost()\n    return g\nf()\n",
        "if __name__ == '__main__':\n    lost()\n",
        "def f():\n    lost()\nif __name__ == '__main__':\n    f()\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    lost()\n",
        "from __future__ import annotations\ndef f(x: lost) -> None: ...\n",
        "from __future__ import annotations\ndef f() -> lost: ...\n",
        "from __future__ import annotations\nx: lost = 1\n",
        "def f(x: 'lost'): ...\n",
        "def f():\n    x: lost = 1\nf()\n",
        "def f():\n    print(f'{lost}')\n",
        "def f():\n    lost()\ndef f():\n    return 1\nf()\n",
    ],
)
def test_names_met_later_are_warnings(text: str) -> None:
    (found,) = find_undefined(text)
    assert (found.rule, found.severity) == ("undefined-name-in-function", Severity.WARNING)


@pytest.mark.parametrize(
    "text",
    [
        "print(__file__, __name__, __doc__, len)\n",
        "if 1:\n    x = 1\nprint(x)\n",
        "for i in range(3): ...\nprint(i)\n",
        "from base import *\nprint(lost)\n",
        "try:\n    lost\nexcept NameError:\n    lost = 1\n",
        "def f():\n    global x\n    x = 1\nf()\nprint(x)\n",
        "def f():\n    return later\nlater = 1\n",
        "class A:\n    def f(self) -> 'A': ...\n",
        "print([y := 1, y])\n",
        "match 1:\n    case found: print(found)\n",
    ],
)
def test_what_is_defined_somehow_is_silent(text: str) -> None:
    assert find_undefined(text) == []


@pytest.mark.parametrize("text", ["exec('lost = 1')\nprint(lost)\n", "globals().update(x)\nprint(lost)\n"])
def test_where_names_are_made_at_run_time_it_is_a_warning(text: str) -> None:
    assert {found.severity for found in find_undefined(text) if "lost" in found.message} == {Severity.WARNING}


@pytest.mark.parametrize(
    "text",
    [
        "for a in range(3):\n    if a:\n        print(lost)\n    for lost in range(2): ...\n",
        "n = 3\nwhile n:\n    n -= 1\n    if n < 2:\n        print(lost)\n    lost = n\n",
    ],
)
def test_what_an_earlier_round_may_have_made_is_a_warning(text: str) -> None:
    assert {found.severity for found in find_undefined(text)} <= {Severity.WARNING}


def test_what_is_made_behind_the_loop_is_an_error() -> None:
    (found,) = find_undefined("for a in range(3):\n    print(lost)\ndel a\n")
    assert found.severity is Severity.ERROR


def test_a_notebook_that_is_run_elsewhere_is_a_warning() -> None:
    (found,) = find_undefined("spark.sql('select 1')\n")
    assert found.severity is Severity.WARNING


def test_of_a_flood_of_them_the_first_are_told_each_by_when_it_runs() -> None:
    lines = [f"print(lost{number})" if number % 2 else f"def f{number}(): lost{number}" for number in range(20_000)]
    found = [
        each for each in lint_file("dags/a.py", "\n".join(lines).encode(), load_catalogue()) if "lost" in each.message
    ]
    assert [each.line for each in found] == list(range(1, MAX_MATCHES + 1))
    assert [each.severity for each in found[:4]] == [Severity.WARNING, Severity.ERROR] * 2


def test_parts_of_an_f_string_are_looked_at_as_one() -> None:
    found = find_undefined("x = f'" + "{lost}" * 5_000 + "'\n")
    assert {(each.rule, each.line) for each in found} == {("undefined-name-at-import", 1)}
