"""The conditions of a policy: read when it is loaded, asked of each push, file, DAG and task when one arrives."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.page import find
from dagwarden.policy.conditions.program import Answer, Program, compile_text
from dagwarden.policy.conditions.scope import NOW, FileView, view_files, view_push
from dagwarden.policy.conditions.section import Condition, On
from dagwarden.policy.conditions.types import count_items, make_plain, read_fields
from dagwarden.policy.facts import PushFacts
from dagwarden.policy.model import Policy
from dagwarden.policy.pages import CONDITION_NOT_MET
from dagwarden.policy.section import Level
from dagwarden.validate.model import DagModel, TaskModel
from dagwarden.yaml_nodes import Fault

MAX_TOLD = 100
"""Findings of one condition; then no more is asked: what costs time and decides nothing new is not done."""

MAX_STEPS = 10_000_000
"""Steps of loops that one condition may take over one push, some 0.7 us each."""
MAX_LOOP = 10_000
"""Steps of loops after which CEL itself ends an evaluation."""
TOO_MANY_STEPS = "asking it of each one walks lists too often: ask once, on the DAG or the push"

_SEVERITIES = {Level.ENFORCE: Severity.ERROR, Level.WARN: Severity.WARNING, Level.AUDIT: Severity.INFO}


class Subject(NamedTuple):
    """What a condition is asked about, with what that lies in."""

    place: int = 0
    """Which DAG it is of, counted through; of a file, which file."""
    file: FileView | None = None
    dag: DagModel | None = None
    task: TaskModel | None = None


def check_meaning(conditions: Sequence[Condition], line: Callable[..., int]) -> Iterator[Fault]:
    """What is wrong with the conditions: fields that the model has not, wrong types, names told twice."""
    seen: dict[str, int] = {}
    for index, condition in enumerate(conditions):
        where = line("conditions", index, "name")
        if condition.name in seen:
            yield Fault(where, f"`{condition.name}` names two conditions, the first on line {seen[condition.name]}")
        seen.setdefault(condition.name, where)
        for key, text in (("when", condition.when), ("require", condition.require)):
            for fault in compile_text(condition.on, text).faults if text else ():
                yield Fault(line("conditions", index, key), f"`{key}` of `{condition.name}`: {fault}")


def check_conditions(policy: Policy, facts: PushFacts) -> Iterator[Finding]:
    """Everything that a condition of the policy is about and that does not hold, or cannot be known."""
    asked = [(index, each) for index, each in enumerate(policy.conditions) if each.level is not Level.OFF]
    if not asked:
        return
    subjects = _list_subjects(facts)
    fixed: dict[str, msgspec.Struct] = {"push": view_push(facts)}
    if facts.environment is not None:
        fixed["environment"] = facts.environment
    for index, condition in asked:
        clause = policy.clause("conditions", index)
        broken = _Asker(condition, facts, fixed).ask(subjects[condition.on])
        for subject, answer in itertools.islice(broken, MAX_TOLD):
            yield _tell(condition, clause, subject, answer)
        if next(broken, None) is not None:
            yield _find(
                condition, clause, f"more than {MAX_TOLD} do not meet `{condition.name}`: the rest was not asked"
            )
        yield from _tell_cuts(condition, clause, facts)


class _Asker:
    """Asks one condition about many subjects: of tasks, once about all that are alike in what it reads."""

    def __init__(self, condition: Condition, facts: PushFacts, fixed: Mapping[str, msgspec.Struct]) -> None:
        self._on = condition.on
        self._when = _compile(condition.on, condition.when) if condition.when else None
        self._require = _compile(condition.on, condition.require)
        programs = [each for each in (self._when, self._require) if each is not None]
        self._names = frozenset().union(*(each.names for each in programs))
        used = frozenset().union(*(each.variables for each in programs))
        self._around = [name for name in (On.FILE, On.DAG) if name in used and name != condition.on]
        self._is_used = condition.on in used and condition.on is not On.PUSH
        plain = {name: make_plain(fixed[name], self._names) for name in fixed if name in used}
        self._fixed: dict[str, object] = plain | ({NOW: facts.now} if NOW in used else {})
        self._outer: tuple[int, dict[str, object], int] = (-1, {}, 0)
        self._power = max(each.power for each in programs)
        self._steps = 0

    def ask(self, subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Answer]]:
        """The subjects that it does not hold of, each with False or with why that is not known."""
        read = self._reader() if self._on is On.TASK else None
        if read is None:
            for subject in subjects:
                if (answer := self._answer(subject)) is not True:
                    yield subject, answer
            return
        known: dict[Any, Answer] = {}
        for subject in subjects:
            key = read(subject)
            if (found := known.get(key)) is None:
                found = known[key] = self._answer(subject)
            if found is not True:
                yield subject, found

    def _reader(self) -> Callable[[Subject], Any]:
        """What tells tasks apart for this condition: what it reads, and what decides which of that is known."""
        names = self._names | {"unreadable"} | ({"facts"} if "targets" in self._names else set())
        fields = [f"task.{name}" for name in read_fields(TaskModel) if name in names]
        return attrgetter(*fields, *(["place"] if self._around else []))

    def _answer(self, subject: Subject) -> Answer:
        values = self._bind(subject)
        if self._steps > MAX_STEPS:
            return TOO_MANY_STEPS
        if self._when is not None and self._when.evaluate(values) is False:
            return True
        return self._require.evaluate(values)

    def _bind(self, subject: Subject) -> dict[str, object]:
        if subject.place != self._outer[0]:
            plain = {name: make_plain(getattr(subject, name), self._names) for name in self._around}
            around = self._fixed | plain
            self._outer = (subject.place, around, count_items(around) if self._power else 0)
        _, around, items = self._outer
        values = dict(around)
        if self._is_used:
            values[self._on] = make_plain(getattr(subject, self._on), self._names)
        if self._power:
            items += count_items(values.get(self._on))
            self._steps += min(MAX_LOOP, items**self._power)
        return values


def _compile(on: On, text: str) -> Program:
    program = compile_text(on, text).program
    assert program is not None, "a policy with conditions that do not compile is not loaded"
    return program


def _list_subjects(facts: PushFacts) -> Mapping[On, Sequence[Subject]]:
    files = [Subject(place, file) for place, file in enumerate(view_files(facts))]
    dags = [(file, dag) for file in files if file.file for dag in file.file.dags or ()]
    return {
        On.PUSH: [Subject()],
        On.FILE: [each for each in files if each.file and each.file.is_changed],
        On.DAG: [Subject(place, file.file, dag) for place, (file, dag) in enumerate(dags)],
        On.TASK: [Subject(place, file.file, dag, task) for place, (file, dag) in enumerate(dags) for task in dag.tasks],
    }


# ---- words ---------------------------------------------------------------------------------------------------------


def _tell(condition: Condition, clause: str, subject: Subject, answer: Answer) -> Finding:
    about = ""
    if subject.task is not None:
        about = f"`{subject.task.task_id}`: "
    elif subject.dag is not None:
        about = f"`{subject.dag.dag_id}`: "
    unknown = f" (cannot be known: {answer})" if isinstance(answer, str) else ""
    line = next((each.line for each in (subject.task, subject.dag) if each is not None and each.line), 0)
    path = subject.file.path if subject.file is not None else ""
    return _find(condition, clause, f"{about}{condition.message}{unknown}", path=path, line=line)


def _tell_cuts(condition: Condition, clause: str, facts: PushFacts) -> Iterator[Finding]:
    """What could not be asked about, since the model does not hold it."""
    if condition.on in {On.DAG, On.TASK}:
        for file in facts.files:
            if file.cuts:
                parts = ", ".join(f"{cut.kept} of {cut.of} {cut.what}" for cut in file.cuts[:5])
                message = f"{condition.message} (cannot be known: only {parts} were read)"
                yield _find(condition, clause, message, path=file.path)


def _find(condition: Condition, clause: str, message: str, *, path: str = "", line: int = 0) -> Finding:
    finding = find(CONDITION_NOT_MET, message, path=path, line=line, clause=clause)
    return msgspec.structs.replace(finding, severity=_SEVERITIES[condition.level])
