"""Renamed imports are read under the names that rules know."""

from __future__ import annotations

import pytest

from dagwarden.lint.aliases import collect_names, find_aliases
from dagwarden.lint.catalogue import load_catalogue, load_rule
from dagwarden.lint.lint import lint_file
from dagwarden.lint.match import match_rules

NAMES = {"airflow.*.Variable": "Variable", "subprocess": "subprocess", "subprocess.*": "subprocess.*"}
RULE = """\
id: starts-a-process
language: python
severity: warning
message: "$CALL starts a process"
note: Do not.
metadata:
  code: DW999
  category: import
  since: "0.1"
  literals: [[subprocess]]
  names: {subprocess: subprocess, "subprocess.*": "subprocess.*"}
  what: a
  why: b
  example: c
  instead: d
rule:
  kind: call
  all:
    - has: { field: function, pattern: $CALL }
    - has: { field: function, regex: '^subprocess[.](run|call)$' }
"""


@pytest.mark.parametrize(
    ("source", "aliases"),
    [
        ("from airflow.models import Variable as V", {"V": "Variable"}),
        ("from airflow.models import (\n    DAG,  # one\n    Variable as V,\n)", {"V": "Variable"}),
        ("from airflow.models import Variable", {}),
        ("from sympy import Variable as V", {}),
        ("import subprocess as sp", {"sp": "subprocess"}),
        ("from subprocess import run, call as c", {"run": "subprocess.run", "c": "subprocess.call"}),
        ("try:\n    from airflow.sdk import Variable as V\nexcept ImportError:\n    pass", {"V": "Variable"}),
        ("from airflow.sdk import Variable\nV = Variable", {"V": "Variable"}),
        ("from airflow.sdk import Variable\nif x:\n    V = Variable  # why\n", {"V": "Variable"}),
        ("from airflow.sdk import Variable\nf(\n    V=Variable\n)\n", {}),
        ("from subprocess import run\ndef run():\n    pass", {}),
        ("def f():\n    import subprocess as sp", {"sp": "subprocess"}),
    ],
)
def test_names_are_resolved_through_imports(source: str, aliases: dict[str, str]) -> None:
    assert find_aliases(source, collect_names([NAMES])) == aliases


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("import subprocess as sp\nx = 1 + sp.run('a')\n", (2, 9)),
        ("from subprocess import run as r\nr(r('a').x, r=1)\n", (2, 1)),
        ("from subprocess import call\ncall('a'); y = 2\nx = [1, call('b')]\n", (2, 1)),
        ("from subprocess import call\nx = [call, call('b')]\n", (2, 12)),
    ],
)
def test_places_are_those_of_the_file_as_it_is(source: str, place: tuple[int, int]) -> None:
    rule = load_rule(RULE.encode(), name="starts-a-process.yml")
    finding = match_rules("dags/a.py", source, [rule], collect_names([rule.names]))[0]
    assert (finding.line, finding.column) == place
    assert finding.message.startswith("subprocess.")


@pytest.mark.parametrize(
    "source",
    [
        "from subprocess import run\nclient.run('a')\n",
        "from subprocess import run\nf(run=1)\n",
        "from subprocess import run\ndef f(run=None):\n    pass\n",
        "from celery import run\nrun('subprocess')\n",
    ],
)
def test_what_only_has_the_same_name_is_left_alone(source: str) -> None:
    rule = load_rule(RULE.encode(), name="starts-a-process.yml")
    assert match_rules("dags/a.py", source, [rule], collect_names([rule.names])) == []


@pytest.mark.parametrize("lead", ["\n", "\n\n  \n", "\n   # comment\n\n", "\f\n", "# -*- coding: utf-8 -*-\n\n"])
def test_blank_lines_at_the_top_move_no_finding(lead: str) -> None:
    source = f"{lead}from time import sleep\nsleep(5)\nPASSWORD = 'correct-horse-7'\n"
    findings = lint_file("dags/a.py", source.encode(), load_catalogue())
    first = lead.count("\n") + 2
    assert [(each.rule, each.line) for each in findings] == [
        ("sleep-at-import", first),
        ("hard-coded-secret", first + 1),
    ]
