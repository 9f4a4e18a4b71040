"""The text of a condition is typed and cheap, or refused when the policy is read."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.policy.condition_facts import (
    refusal,
)

from dagwarden.errors import InvalidInput
from dagwarden.policy.conditions.program import MAX_CHARS, compile_text
from dagwarden.policy.conditions.scope import SCOPES, STRUCTURES
from dagwarden.policy.conditions.section import On
from dagwarden.policy.conditions.types import read_fields
from dagwarden.policy.load import load_policy


@pytest.mark.parametrize(
    ("on", "require", "said"),
    [
        ("task", "task.onwer == 'x'", "column 5: `onwer` is no field of TaskModel; did you mean `owner`?"),
        ("task", "task.facts.all(f, f.knd == 'x')", "`knd` is no field of IdentityFact; did you mean `kind`?"),
        ("task", "has(task.sensor.mod)", "`mod` is no field of Sensor; did you mean `mode`?"),
        ("push", "push.principle.name == 'x'", "`principle` is no field of PushView; did you mean `principal`?"),
        ("task", "tusk.owner == 'x'", "`tusk` is neither a variable nor a function; did you mean `task`?"),
        ("push", "task.owner == 'x'", "there is no `task` in a condition on each push (known: push, environment, now)"),
        ("file", "dag.catchup", "there is no `dag` in a condition on each file"),
        ("push", "push.ref.startsWih('x')", "`startsWih` is neither a variable nor a function; did you mean"),
        ("push", "exec('rm')", "`exec` is neither a variable nor a function"),
        ("task", "task.retries", "must be true or false, and is a number"),
        ("task", "task.owner", "must be true or false, and is a text"),
        ("task", "task.retry_delay_s > 2", "applied to '(double, int)'; write whole numbers of a double as 2.0"),
        ("task", "task.retries == null", "what is not known is no null: ask `has(…)`"),
        ("task", "task.owner && true", "found no matching overload for '_&&_'"),
        ("task", "task['owner'] == 'x'", "found no matching overload for '_[_]'"),
        ("task", "task.facts.all(f, f.kind == 'conection')", "`kind` is never `conection`; did you mean `connection`?"),
        ("file", "file.findings.all(f, f.severity in ['warn'])", "`severity` is never `warn`; did you mean"),
        ("task", "task.task_id.matches('[')", "`[`: invalid regular expression: missing ]"),
        ("task", "task.task_id.matches(task.group)", "the pattern of `matches` must be written out"),
        ("push", "now > timestamp('tomorrow')", "`tomorrow`: String to Timestamp conversion failed"),
        ("push", "now - now > duration('1 day')", "`1 day`: String to Duration conversion failed"),
        ("push", "push.ref = 'x'", "Syntax error"),
        ("push", "  ", "Syntax error"),
        ("dag", "dag.tasks.exists(t, t == dag.tasks[0])", "compares a whole TaskModel: compare fields of it"),
        ("dag", "dag.tasks == []", "compares a whole TaskModel"),
        ("push", "dyn(push).anything == 1", "`dyn` hides a type from the check"),
        ("push", "type(push.ref) == string", "`type` has nothing to ask"),
        ("push", "PushView{ref: 'x'}.ref == 'x'", "makes a PushView: conditions only read what there is"),
    ],
)
def test_what_the_model_does_not_have_is_refused_when_the_policy_is_loaded(on: str, require: str, said: str) -> None:
    assert said in refusal(on, require)


def test_every_fault_is_told_with_its_line() -> None:
    text = """apiVersion: dagwarden/v1
kind: Policy
conditions:
  - name: owners
    on: task
    when: task.is_maped
    require: task.onwer != ''
    message: tasks have owners
  - name: owners
    on: dag
    require: |
      dag.catchup &&
        dag.tgas.size() > 0
    message: dags have tags
"""
    with pytest.raises(InvalidInput) as caught:
        load_policy(text.encode())
    told = caught.value.message.splitlines()
    assert [line.partition(": ")[0] for line in told] == [f"policy.yaml:{number}" for number in (6, 7, 9, 11)]
    assert "`when` of `owners`: column 5: `is_maped` is no field of TaskModel; did you mean `is_mapped`?" in told[0]
    assert "`owners` names two conditions, the first on line 4" in told[2]
    assert "line 2, column 6: `tgas` is no field of DagModel; did you mean `tags`?" in told[3]


@pytest.mark.parametrize("on", On)
def test_every_field_of_every_variable_can_be_asked_for(on: On) -> None:
    for variable in SCOPES[on]:
        for name in read_fields(STRUCTURES[variable]) if variable in STRUCTURES else ():
            assert compile_text(on, f"has({variable}.{name})").program is not None, name


@pytest.mark.parametrize(
    "text",
    [
        "true " + "&& true" * 5_000,
        "'" + "a" * (MAX_CHARS + 1) + "' == ''",
        "(" * 500 + "true" + ")" * 500,
        "!" * 501 + "true" + "!" * 4_000,
        "task" + ".task" * 300,
        "[" * 200 + "]" * 200 + " == []",
        "true ? " * 60 + "true" + " : false" * 60,
        "\0",
        "\ud800",
        "true\0 && task.owner == 'ada'",
        "task.tags." + "map(x, x + x)." * 20 + "size() > 0",
        "['a'].map(x, x + x).map(x, x + x).map(x, x + x).size() > 0",
        "(task.upstream + task.upstream).size() > 0",
        "'a'" + " + 'a'" * 20 + " == 'b'",
        "task.facts.all(a, true) && " * 8 + "true",
        r"task.task_id.matches('(a{1000}){1000}')",
        r"task.task_id.matches(r'\p{L}{1,100}')",
        "task.task_id.matches('" + "x" * 3_000 + "')",
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_what_would_cost_too_much_is_refused_at_once(text: str) -> None:
    begun = time.process_time()
    compiled = compile_text(On.TASK, text)
    assert compiled.program is None
    assert compiled.faults
    assert time.process_time() - begun < 0.5


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.text(alphabet="task.fctownerudgpsh&|!()[]{}'\"=<>+-*/?:, 019\\\0", max_size=60)))
def test_any_text_compiles_or_is_refused_with_a_reason(text: str) -> None:
    compiled = compile_text(On.TASK, text)
    assert (compiled.program is None) == bool(compiled.faults)
