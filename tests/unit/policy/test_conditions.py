"""A condition that loads is typed, cheap and asked rightly; what cannot be known does not hold."""

from __future__ import annotations

import datetime as dt
import functools
import re
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagwarden.errors import InvalidInput
from dagwarden.ledger.release import DeleteFile, PutFile
from dagwarden.ledger.state import empty_state
from dagwarden.lint.finding import Finding, Severity
from dagwarden.names import Digest, EnvironmentName, ReleasePath
from dagwarden.policy.conditions.check import MAX_TOLD, check_conditions
from dagwarden.policy.conditions.program import MAX_CHARS, Answer, compile_text
from dagwarden.policy.conditions.scope import SCOPES, STRUCTURES
from dagwarden.policy.conditions.section import On
from dagwarden.policy.conditions.types import find_structures, make_plain, read_fields
from dagwarden.policy.decide import decide
from dagwarden.policy.environment import Environment, load_environment
from dagwarden.policy.facts import PushFacts
from dagwarden.policy.load import load_policy
from dagwarden.policy.model import Policy
from dagwarden.policy.verdict import Outcome, Principal
from dagwarden.push.manifest import PushManifest
from dagwarden.validate.model import (
    Cut,
    DagModel,
    FactKind,
    FileModel,
    IdentityFact,
    Known,
    Sensor,
    Target,
    TaskModel,
)
from dagwarden.wire import encode

NOW = dt.datetime(2026, 3, 4, 12, 0, tzinfo=dt.UTC)
HEAD = {"apiVersion": "dagwarden/v1", "kind": "Policy"}
PUSHER = {"name": "ci", "principals": ["ci@acme.example"], "paths": ["dags/**"]}
ALL_NAMES = frozenset(name for kind in find_structures(STRUCTURES.values()).values() for name in read_fields(kind))

FACT = IdentityFact(kind=FactKind.CONNECTION, argument="conn_id", value="lake", known=Known.LITERAL)
TASK = TaskModel(
    task_id="load", operator="a.b.Load", line=7, owner="ada", retries=2, retry_delay_s=300.0, facts=(FACT,)
)
DAG = DagModel(dag_id="orders", line=3, tags=("daily",), owners=("ada",), tasks=(TASK,))
FILE = FileModel(path="dags/orders.py", dags=(DAG,))


def put(path: str, size_bytes: int = 10) -> PutFile:
    return PutFile(path=ReleasePath(path), sha256=Digest("0" * 64), md5="", size_bytes=size_bytes, mode="0644")


@functools.cache
def prod() -> Environment:
    return load_environment(encode({"apiVersion": "dagwarden/v1", "kind": "Environment", "name": "prod"}))


def make_facts(*files: FileModel, **changed: object) -> PushFacts:
    name = EnvironmentName("prod")
    facts = PushFacts(
        principal=Principal(name="ci@acme.example", attested_by="jwt"),
        manifest=PushManifest(environment=name, source="git", created_at=NOW, changes=(), ref="refs/heads/main"),
        is_raw_drop=False,
        state=empty_state(name),
        changes=tuple(put(file.path) for file in files),
        files=files,
        environment=prod(),
        now=NOW,
    )
    return msgspec.structs.replace(facts, **changed)


def make_policy(on: str, require: str, **keys: object) -> Policy:
    condition = {"name": "c", "on": on, "require": require, "message": "must be so", **keys}
    return load_policy(encode({**HEAD, "pushers": [PUSHER], "conditions": [condition]}))


def ask(on: str, require: str, facts: PushFacts | None = None, **keys: object) -> list[Finding]:
    return list(check_conditions(make_policy(on, require, **keys), facts or make_facts(FILE)))


def refusal(on: str, require: str, **keys: object) -> str:
    with pytest.raises(InvalidInput) as caught:
        make_policy(on, require, **keys)
    return caught.value.message


def evaluate(text: str, task: TaskModel = TASK) -> Answer:
    program = compile_text(On.TASK, text).program
    assert program is not None, compile_text(On.TASK, text).faults
    return program.evaluate({"task": make_plain(task, ALL_NAMES), "now": NOW})


# ---- loading -------------------------------------------------------------------------------------------------------


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


def test_the_examples_of_the_page_load_and_hold() -> None:
    page = (Path(__file__).parents[3] / "docs" / "conditions.md").read_text()
    (example,) = re.findall(r"```yaml\n(conditions:.*?)```", page, re.DOTALL)
    policy = load_policy(f"apiVersion: dagwarden/v1\nkind: Policy\n{example}".encode())
    broken = {finding.clause for finding in check_conditions(policy, make_facts(FILE))}
    wanted = {condition.name: policy.clause("conditions", index) for index, condition in enumerate(policy.conditions)}
    assert broken == {wanted["owners"], wanted["no-catchup"]}


# ---- meaning -------------------------------------------------------------------------------------------------------

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


# ---- asking --------------------------------------------------------------------------------------------------------


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
