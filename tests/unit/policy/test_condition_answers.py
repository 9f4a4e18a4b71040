"""What an expression says of values: what cannot be known matters only where it decides."""

from __future__ import annotations

import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.policy.condition_facts import (
    DAG,
    FACT,
    FILE,
    TASK,
    ask,
    evaluate,
    make_facts,
)

from dagwarden.policy.conditions.program import Answer
from dagwarden.policy.conditions.types import NUL_SHOWN
from dagwarden.validate.model import (
    FactKind,
    IdentityFact,
    Known,
    Target,
)

UNKNOWN = "`pool` is not known"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("task.owner == 'ada' && task.retries + 1 == 3", True),
        ("task.retry_delay_s / 2.0 >= 150.0", True),
        ("task.owner in ['ada', 'bob']", True),
        ("task.task_id.startsWith('lo') && task.task_id.endsWith('ad') && task.operator.contains('.b.')", True),
        ("task.task_id.matches('^[a-z]+$')", True),
        ("task.facts.exists(f, f.kind == 'connection' && f.value == 'lake')", True),
        ("task.facts.all(f, f.value == 'sea')", False),
        ("task.facts.exists_one(f, f.known == 'literal')", True),
        ("task.facts.filter(f, f.kind == 'image').size() == 0", True),
        ("task.facts.map(f, f.value)[0] == 'lake'", True),
        ("now - duration('24h') < timestamp('2026-03-04T00:00:00Z')", True),
        ("now.getHours('Europe/Berlin') == 13 && now.getDayOfWeek() == 3", True),
        ("int('7') + 1 == 8 && double(task.retries) == 2.0", True),
        ("task.is_mapped ? task.retries > 5 : true", True),
        ("{'ada': 1}[task.owner] == 1", True),
        ("has(task.owner)", True),
        # what is not known
        ("has(task.pool)", False),
        ("task.pool == 'x'", UNKNOWN),
        ("task.pool != 'x'", UNKNOWN),
        ("!(task.pool == 'x')", UNKNOWN),
        ("task.pool == 'x' || task.owner == 'ada'", True),
        ("task.owner == 'ada' || task.pool == 'x'", True),
        ("task.pool == 'x' || task.owner == 'bob'", UNKNOWN),
        ("task.pool == 'x' && task.owner == 'bob'", False),
        ("task.pool == 'x' && task.owner == 'ada'", UNKNOWN),
        ("has(task.pool) && task.pool == 'x'", False),
        ("!has(task.pool) || task.pool == 'x'", True),
        ("has(task.sensor) && task.sensor.mode == 'poke'", False),
        ("task.sensor.mode == 'poke'", "`sensor` is not known"),
        # what fails
        ("1 / 0 == 1", "divide by zero"),
        ("task.retries % (task.retries - 2) == 0", "modulus by zero"),
        ("9223372036854775807 + task.retries > 0", "integer overflow"),
        ("task.facts[7].value == 'x'", "Index error: index=7 size=1"),
        ("1 / 0 == 1 || true", True),
    ],
)
def test_an_unknown_value_matters_only_where_it_decides(text: str, answer: Answer) -> None:
    assert evaluate(text) == answer


@pytest.mark.parametrize("known", [Known.TEMPLATED, Known.UNREADABLE])
def test_a_value_known_at_run_time_only_is_unknown(known: Known) -> None:
    fact = IdentityFact(kind=FactKind.IMPERSONATION, argument="impersonation_chain", value="{{ x }}", known=known)
    task = msgspec.structs.replace(TASK, facts=(fact,), targets=(Target(known=known),))
    assert evaluate("task.facts.all(f, f.value != 'root@acme.example')", task) == "`value` is not known"
    assert evaluate("task.facts.all(f, !has(f.value)) && task.facts[0].argument.startsWith('imp')", task) is True
    assert evaluate("task.targets.all(t, t.dag_id != 'payroll')", task) == "`dag_id` is not known"


def test_arguments_decided_at_run_time_may_hold_any_fact() -> None:
    anything = IdentityFact(kind=FactKind.ARGUMENTS, argument="expand_kwargs", known=Known.TEMPLATED)
    task = msgspec.structs.replace(TASK, facts=(FACT, anything))
    assert evaluate("!task.facts.exists(f, f.value == 'payroll')", task) == "`facts` is not known"


@pytest.mark.parametrize(
    ("unreadable", "text", "answer"),
    [
        ("depends_on_past", "!task.depends_on_past", "`depends_on_past` is not known"),
        ("upstream_task_ids", "task.upstream.size() == 0", "`upstream` is not known"),
        ("retry_delay", "task.retry_delay_s < 1.0", "`retry_delay_s` is not known"),
        ("arguments", "task.facts.size() < 9", "`facts` is not known"),
        ("arguments", "task.retries == 2", True),
        ("mine.Sly.__getattribute__", "task.retries == 2", "`retries` is not known"),
        ("mine.Sly.__getattribute__", "task.operator == 'a.b.Load'", True),
    ],
)
def test_a_default_in_place_of_what_could_not_be_read_is_unknown(unreadable: str, text: str, answer: Answer) -> None:
    assert evaluate(text, msgspec.structs.replace(TASK, unreadable=(unreadable,))) == answer


def test_tasks_that_could_not_be_read_are_not_taken_for_none() -> None:
    dag = msgspec.structs.replace(DAG, unreadable=("task_dict",))
    (finding,) = ask("dag", "dag.tasks.all(t, has(t.owner))", make_facts(msgspec.structs.replace(FILE, dags=(dag,))))
    assert "`tasks` is not known" in finding.message


@pytest.mark.parametrize(
    "changed", [{"retries": 10**30}, {"owner": "\ud800"}], ids=["beyond 64 bits", "half a surrogate"]
)
def test_a_value_that_cel_cannot_hold_is_unknown(changed: dict[str, object]) -> None:
    answer = evaluate("task.retries > 0 && task.owner != ''", msgspec.structs.replace(TASK, **changed))
    assert isinstance(answer, str)


@pytest.mark.parametrize("name", ["lake\0", "lake\0evil", "\0lake", "lake\u2400"])
def test_no_text_passes_for_its_part_before_a_nul(name: str) -> None:
    task = msgspec.structs.replace(TASK, owner=name, facts=(msgspec.structs.replace(FACT, value=name),))
    assert evaluate("task.owner == 'lake' || task.facts[0].value == 'lake'", task) is False
    assert evaluate("task.owner.matches('^[a-z]+$') || task.owner in ['lake']", task) is False
    assert evaluate(f"task.owner.size() == {len(name)}", task) is True


def test_a_whole_number_where_the_model_has_a_double_is_a_double() -> None:
    assert evaluate("task.retry_delay_s == 300.0", msgspec.structs.replace(TASK, retry_delay_s=300)) is True


def test_a_loop_without_end_is_unknown() -> None:
    many = msgspec.structs.replace(TASK, facts=(FACT,) * 120)
    begun = time.process_time()
    answer = evaluate("task.facts.all(a, task.facts.all(b, task.facts.all(c, c.value == 'lake')))", many)
    assert answer == "Iteration budget exceeded"
    assert time.process_time() - begun < 1


TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS, st.booleans())
def test_texts_arrive_whole(first: str, second: str, alike: bool) -> None:
    task = msgspec.structs.replace(TASK, owner=first, group=first if alike else second)
    shown = [text.replace("\0", NUL_SHOWN) for text in (first, task.group)]
    assert evaluate("task.owner == task.group", task) is (shown[0] == shown[1])
    assert evaluate(f"task.owner.size() == {len(first)}", task) is True
    assert evaluate("task.owner.startsWith(task.group)", task) is shown[0].startswith(shown[1])
    assert evaluate("task.owner in [task.group]", task) is (shown[0] == shown[1])


@settings(max_examples=300, deadline=None)
@given(
    st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)
)
def test_numbers_arrive_whole(first: int, second: int, number: float) -> None:
    task = msgspec.structs.replace(TASK, retries=first, pool_slots=second, retry_delay_s=number, retry_backoff=2.5)
    assert evaluate("task.retries < task.pool_slots", task) is (first < second)
    assert evaluate("task.retries == task.pool_slots", task) is (first == second)
    assert evaluate("task.retry_delay_s <= task.retry_backoff", task) is (number <= 2.5)
    total = evaluate("task.retries + task.pool_slots >= 0", task)
    assert total == ((first + second >= 0) if -(2**63) <= first + second < 2**63 else "integer overflow")


@pytest.mark.parametrize("retries", [2**63, -(2**63) - 1, 2**64, 10**40])
def test_a_number_beyond_64_bits_is_told_rightly_or_is_unknown(retries: int) -> None:
    task = msgspec.structs.replace(TASK, retries=retries)
    for text, truth in (
        ("task.retries > 5", retries > 5),
        ("task.retries < 5", retries < 5),
        ("task.retries == 0", False),
    ):
        answer = evaluate(text, task)
        assert isinstance(answer, str) or answer is truth
