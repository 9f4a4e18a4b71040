"""A condition is asked of each subject it is on, once about all that are alike, and tells who breaks it."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.policy.condition_facts import (
    ALL_NAMES,
    DAG,
    FACT,
    FILE,
    NOW,
    TASK,
    ask,
    make_facts,
    make_policy,
    put,
)

from dagwarden.ledger.release import DeleteFile
from dagwarden.lint.finding import Finding, Severity
from dagwarden.names import ReleasePath
from dagwarden.policy.conditions.check import MAX_TOLD, TOO_MANY_STEPS, check_conditions
from dagwarden.policy.conditions.program import compile_text
from dagwarden.policy.conditions.section import On
from dagwarden.policy.conditions.types import make_plain
from dagwarden.policy.decide import decide
from dagwarden.policy.load import load_policy
from dagwarden.policy.verdict import Outcome
from dagwarden.validate.model import (
    Cut,
    DagModel,
    FileModel,
    Sensor,
    TaskModel,
)


def test_a_breach_names_the_task_its_place_and_the_clause() -> None:
    (finding,) = ask("task", "task.owner == 'bob'")
    assert (finding.rule, finding.code, finding.severity) == ("condition-not-met", "DW790", Severity.ERROR)
    assert (finding.path, finding.line, finding.message) == ("dags/orders.py", 7, "`load`: must be so")
    assert finding.clause == "policy.yaml:1"


def test_a_breach_that_cannot_be_known_says_what_is_missing() -> None:
    (finding,) = ask("task", "task.pool == 'x'")
    assert finding.message == "`load`: must be so (cannot be known: `pool` is not known)"
    assert finding.severity is Severity.ERROR


@pytest.mark.parametrize(
    ("level", "severities"),
    [("enforce", [Severity.ERROR]), ("warn", [Severity.WARNING]), ("audit", [Severity.INFO]), ("off", [])],
)
def test_the_level_says_what_a_breach_does(level: str, severities: list[Severity]) -> None:
    assert [finding.severity for finding in ask("push", "push.force", level=level)] == severities


@pytest.mark.parametrize(
    ("when", "count"), [("task.owner == 'bob'", 0), ("task.owner == 'ada'", 1), ("task.pool == 'x'", 1)]
)
def test_when_leaves_out_only_what_it_is_known_not_to_be_about(when: str, count: int) -> None:
    assert len(ask("task", "task.retries > 5", when=when)) == count


def test_each_kind_of_subject_is_asked() -> None:
    other = FileModel(path="dags/b.py", dags=(msgspec.structs.replace(DAG, dag_id="b", line=0), DAG))
    changes = (put("dags/orders.py", 10), put("dags/data.csv", 99), DeleteFile(path=ReleasePath("dags/old.py")))
    lint = Finding(rule="top-level-code", severity=Severity.WARNING, path="dags/data.csv", message="x")
    facts = make_facts(FILE, other, changes=changes, findings=(lint,))
    told = {
        "push": ("push.changes.exists(c, c.do == 'delete' && c.path == 'dags/new.py')", [""]),
        "file": ("file.size_bytes > 1000", ["dags/data.csv", "dags/orders.py"]),
        "dag": ("dag.dag_id == 'orders'", ["dags/b.py"]),
        "task": ("!has(file.size_bytes)", ["dags/orders.py"]),
    }
    for on, (require, paths) in told.items():
        assert [finding.path for finding in ask(on, require, facts)] == paths, on
    assert [finding.path for finding in ask("file", "file.findings.size() == 0", facts)] == ["dags/data.csv"]
    assert [finding.path for finding in ask("file", "has(file.dags)", facts)] == ["dags/data.csv"]
    assert ask("dag", "file.path == 'dags/b.py' || file.is_changed", facts) == []


def test_an_environment_that_nobody_described_is_unknown() -> None:
    (finding,) = ask("push", "environment.name == 'prod'", make_facts(FILE, environment=None))
    assert "`environment` is not known" in finding.message
    assert ask("push", "environment.airflow[0] >= 3 && environment.name == push.environment") == []


def test_what_the_model_leaves_out_is_not_known_to_be_right() -> None:
    cut = msgspec.structs.replace(FILE, cuts=(Cut(what="tasks", kept=1, of=30_000),))
    (finding,) = ask("task", "task.owner == 'ada'", make_facts(cut))
    assert finding.message == "must be so (cannot be known: only 1 of 30000 tasks were read)"
    assert ask("push", "!push.force", make_facts(cut)) == []


def test_many_breaches_are_told_in_part() -> None:
    tasks = tuple(msgspec.structs.replace(TASK, task_id=f"t{number}") for number in range(1_000))
    facts = make_facts(msgspec.structs.replace(FILE, dags=(msgspec.structs.replace(DAG, tasks=tasks),)))
    findings = ask("task", "task.task_id == 'x'", facts)
    assert len(findings) == MAX_TOLD + 1
    assert findings[-1].message == "more than 100 do not meet `c`: the rest was not asked"


def test_asking_each_task_about_all_others_ends() -> None:
    tasks = tuple(msgspec.structs.replace(TASK, task_id=f"t{number}", group=str(number)) for number in range(9_000))
    facts = make_facts(msgspec.structs.replace(FILE, dags=(msgspec.structs.replace(DAG, tasks=tasks),)))
    findings = ask("task", "task.owner == 'ada' || dag.tasks.exists(t, t.task_id == task.group)", facts)
    assert len(findings) == MAX_TOLD + 1
    assert TOO_MANY_STEPS in findings[0].message


@pytest.mark.parametrize(
    ("text", "power"),
    [
        ("dag.catchup", 0),
        ("dag.tasks.all(t, t.facts.all(f, f.value == ''))", 1),
        ("dag.tasks.filter(t, t.is_mapped).exists(t, t.retries > 1)", 1),
        ("dag.tasks.all(t, t.upstream.all(u, dag.tasks.exists(v, v.task_id == u)))", 2),
        ("dag.tasks.all(t, file.dags.all(d, d.tasks.all(u, dag.tasks.exists(v, v.task_id == u.task_id))))", 3),
    ],
)
def test_loops_over_what_an_outer_one_holds_add_and_others_multiply(text: str, power: int) -> None:
    program = compile_text(On.DAG, text).program
    assert program is not None
    assert program.power == power


def test_a_condition_denies_a_push_and_a_milder_one_does_not() -> None:
    broken = {"on": "task", "require": "task.owner == 'bob'"}
    assert decide(make_policy(**broken), make_facts(FILE)).outcome is Outcome.DENIED
    assert decide(make_policy(**broken, level="warn"), make_facts(FILE)).outcome is Outcome.ALLOWED


# ---- asking once about what is alike -------------------------------------------------------------------------------

TEXTS = (
    "task.owner == 'ada'",
    "has(task.pool) && task.pool == task.owner",
    "task.retries > 1 || dag.catchup",
    "task.facts.all(f, f.value == 'lake') && task.is_mapped",
    "task.owner in dag.owners",
    "dag.tasks.all(t, t.retries <= task.retries)",
    "dag.tasks.exists(t, t.task_id in task.upstream)",
    "file.path.endsWith('1.py') || task.is_mapped",
    "has(task.sensor) && task.sensor.timeout_s < 10.0",
    "push.ref == 'x' || dag.dag_id == 'd0'",
    "dag.catchup",
    "now > timestamp('2030-01-01T00:00:00Z')",
)
TASKS = st.builds(
    TaskModel,
    task_id=st.sampled_from("ab"),
    operator=st.just("x.Y"),
    owner=st.sampled_from(["ada", "bob", None]),
    pool=st.sampled_from(["ada", None]),
    retries=st.sampled_from([0, 1, 2, None]),
    is_mapped=st.booleans(),
    upstream=st.sampled_from([(), ("a",), ("b", "c")]),
    unreadable=st.sampled_from([(), (), ("retries",), ("upstream_task_ids",), ("x.Y.__dict__",)]),
    facts=st.sampled_from([(), (FACT,), (msgspec.structs.replace(FACT, value="sea"),)]),
    sensor=st.sampled_from([None, Sensor(), Sensor(timeout_s=5.0)]),
)
DAGS = st.builds(
    DagModel,
    dag_id=st.sampled_from(["d0", "d1"]),
    catchup=st.sampled_from([True, False, None]),
    owners=st.sampled_from([("ada",), ("ada", "bob")]),
    tasks=st.lists(TASKS, max_size=5).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(DAGS, max_size=3), max_size=3), st.sampled_from(TEXTS), st.sampled_from(["", *TEXTS]))
def test_asking_once_about_what_is_alike_answers_as_asking_each(
    dags: list[list[DagModel]], require: str, when: str
) -> None:
    files = [FileModel(path=f"dags/{number}.py", dags=tuple(group)) for number, group in enumerate(dags)]
    facts = make_facts(*files)
    policy = make_policy("task", require, when=when)
    programs = [compile_text(On.TASK, text).program for text in (when, require) if text]
    expected = []
    for file in files:
        view = make_plain(FileViewOf(path=file.path), ALL_NAMES)
        for dag in file.dags:
            for task in dag.tasks:
                values = {
                    "file": view,
                    "dag": make_plain(dag, ALL_NAMES),
                    "task": make_plain(task, ALL_NAMES),
                    "push": {"ref": "refs/heads/main"},
                    "now": NOW,
                }
                answers = [program.evaluate(values) for program in programs if program is not None]
                if answers[-1] is not True and not (when and answers[0] is False):
                    expected.append((file.path, isinstance(answers[-1], str)))
    found = [(finding.path, "cannot be known" in finding.message) for finding in check_conditions(policy, facts)]
    assert found == expected


class FileViewOf(msgspec.Struct, frozen=True):
    """The part of a file's view that the conditions above read."""

    path: str


def test_the_examples_of_the_page_load_and_hold() -> None:
    page = (Path(__file__).parents[3] / "docs" / "conditions.md").read_text()
    (example,) = re.findall(r"```yaml\n(conditions:.*?)```", page, re.DOTALL)
    policy = load_policy(f"apiVersion: dagwarden/v1\nkind: Policy\n{example}".encode())
    broken = {finding.clause for finding in check_conditions(policy, make_facts(FILE))}
    wanted = {condition.name: policy.clause("conditions", index) for index, condition in enumerate(policy.conditions)}
    assert broken == {wanted["owners"], wanted["no-catchup"]}
