"""Files that are no Python text give one clear finding each, and never an exception."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.lint import lint_file, lint_files
from dagwarden.names import ReleasePath

HERE = sys.version_info[:2]


def lint(content: bytes, python: tuple[int, int] = HERE) -> list[Finding]:
    return lint_file("dags/a.py", content, load_catalogue(), python=python)


@pytest.mark.parametrize(
    ("content", "rule", "line"),
    [
        (b"with DAG('a') as dag\n    pass\n", "syntax-error", 1),
        (b"x = (1,\n\ny = 2\n", "syntax-error", 1),
        (b"def f():\nreturn 1\n", "syntax-error", 2),
        (b"return 1\n", "syntax-error", 1),
        (b"x = 1\0\n", "nul-bytes", 1),
        ("x = 'é'\n".encode("utf-16"), "nul-bytes", 1),
        (b"a = 1\nx = '\xe9'\n", "undecodable-bytes", 2),
        (b"# -*- coding: klingon -*-\nx = 1\n", "undecodable-bytes", 1),
        (b"# coding: punycode\nx = 1\n", "undecodable-bytes", 1),
        (b"# coding: undefined\nx = 1\n", "undecodable-bytes", 1),
        (b"if 1:\n\tx = 1\n        y = 2\n", "syntax-error", 3),
        ("x = 1\n".encode("utf-32"), "nul-bytes", 1),
        (b"x = 1\n\x1a", "syntax-error", 2),
        (b"a = 1\n<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> feature\n", "conflict-markers", 2),
        (b"a = 1\nprint 'done'\n", "python-2", 2),
        (b"try:\n    pass\nexcept ValueError, e:\n    pass\n", "python-2", 3),
        (b"exec 'x'\n", "python-2", 1),
        (b"raise ValueError, 'x'\n", "python-2", 1),
        (b"x = " + b"(" * 10_000 + b")" * 10_000, "too-complex", 1),
        (b"x = " + b"-" * 100_000 + b"1\n", "too-complex", 0),
        (b"x" + b".y" * 100_000 + b"\n", "too-complex", 0),
        (b"x = 9" + b"9" * 10_000 + b"\n", "syntax-error", 1),
    ],
)
def test_a_file_that_is_no_python_has_one_finding(content: bytes, rule: str, line: int) -> None:
    (finding,) = lint(content)
    assert (finding.rule, finding.line, finding.severity) == (rule, line, Severity.ERROR)
    assert finding.code.startswith("DW00")
    assert finding.hint


def test_a_syntax_error_names_line_and_column() -> None:
    (finding,) = lint(b"a = 1\nb = = 2\n")
    assert (finding.line, finding.column, finding.message) == (2, 5, "invalid syntax")


def test_a_byte_order_mark_is_a_warning_and_the_rest_is_read() -> None:
    content = b"\xef\xbb\xbffrom airflow.sdk import Variable\nX = Variable.get('x')\n"
    assert [finding.rule for finding in lint(content)] == ["byte-order-mark", "variable-get-at-import"]


def test_a_declared_encoding_is_read() -> None:
    assert lint(b"# -*- coding: cp1252 -*-\nx = '\xe9'\n") == []


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"# nothing\n", b"x = '\\d'\n", b"a = 1\r\nb = 2\r\n", b"x = 1\r", b"x = 1\n\x0c\ny = 2\n"]
)
def test_odd_files_that_compile_have_no_finding(content: bytes) -> None:
    assert lint(content) == []


def test_lines_are_counted_alike_whatever_ends_them() -> None:
    content = b"from airflow.sdk import Variable\r\n\r\nX = Variable.get('x')\r\n"
    (finding,) = lint(content)
    assert finding.line == 3


def test_an_older_environment_is_held_to_its_own_grammar() -> None:
    content = b"match 1:\n    case 1:\n        pass\n"
    assert lint(content) == []
    assert [finding.rule for finding in lint(content, python=(3, 9))] == ["syntax-error"]


def test_what_a_newer_python_may_take_only_warns() -> None:
    (finding,) = lint(b"x = = 1\n", python=(HERE[0], HERE[1] + 1))
    assert finding.severity is Severity.WARNING
    assert f"the environment runs {HERE[0]}.{HERE[1] + 1}" in finding.hint


def test_a_megabyte_on_one_line_is_read() -> None:
    assert lint(b"x = [" + b"1, " * 330_000 + b"]\n") == []


def test_only_python_files_are_linted() -> None:
    files = {ReleasePath("dags/a.sql"): b"x = = 1", ReleasePath("dags/b.py"): b"x = = 1"}
    assert [finding.path for finding in lint_files(files, load_catalogue())] == ["dags/b.py"]


@given(st.binary(max_size=200))
def test_any_bytes_give_findings_and_no_exception(content: bytes) -> None:
    assert all(finding.message for finding in lint(content))


@given(st.text(alphabet="()[]{}:=,.'\"#\\\n\t ab1@$é\ufeff\x0c", max_size=60))
def test_any_text_gives_findings_and_no_exception(text: str) -> None:
    assert all(finding.message for finding in lint(text.encode()))


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("from {{ cookiecutter.package }} import a\n", 1),
        ("import os\n{% if kubernetes %}\nx = 1\n{% endif %}\n", 2),
        ("dag = DAG('x', schedule=<SCHEDULE>)\n", 1),
        ("x = 1\ny = @@NAME@@\n", 2),
        ("x = ${owner}\n", 1),
        ("<% if (a) { %>\nx = 1\n", 1),
    ],
)
def test_a_template_is_named_where_its_first_placeholder_stands(source: str, line: int) -> None:
    (finding,) = lint(source.encode())
    assert (finding.rule, finding.line, finding.severity) == ("unrendered-template", line, Severity.WARNING)


@pytest.mark.parametrize(
    "source",
    [
        "x = '{{ ds }}\n",
        "run('{{ ds }}', = 1)\n",
        "x = = 1  # {{ ds }}\n",
        'x = """\n{{ ds }}\n"""\ny = = 1\n',
        "x = '{{ ds }}'\ny = = 1\n",
        'x = f"{{ {a} }\n',
    ],
)
def test_templates_within_strings_do_not_excuse_a_syntax_error(source: str) -> None:
    (finding,) = lint(source.encode())
    assert (finding.rule, finding.severity) == ("syntax-error", Severity.ERROR)


@pytest.mark.parametrize(
    "content",
    [
        b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
        b'{\n "metadata": {"a": null},\n "nbformat": 4, "cells": [{"source": ["print(1)"]}]}\n',
    ],
)
def test_a_notebook_is_named_as_one(content: bytes) -> None:
    (finding,) = lint(content)
    assert (finding.rule, finding.severity) == ("notebook-as-python", Severity.ERROR)
