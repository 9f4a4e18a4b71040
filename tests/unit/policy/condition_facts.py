"""A push of one DAG with one task, and conditions asked of it."""

from __future__ import annotations

import datetime as dt
import functools

import msgspec
import pytest

from dagwarden.errors import InvalidInput
from dagwarden.ledger.release import PutFile
from dagwarden.ledger.state import empty_state
from dagwarden.lint.finding import Finding
from dagwarden.names import Digest, EnvironmentName, ReleasePath
from dagwarden.policy.conditions.check import check_conditions
from dagwarden.policy.conditions.program import Answer, compile_text
from dagwarden.policy.conditions.scope import STRUCTURES
from dagwarden.policy.conditions.section import On
from dagwarden.policy.conditions.types import find_structures, make_plain, read_fields
from dagwarden.policy.environment import Environment, load_environment
from dagwarden.policy.facts import PushFacts
from dagwarden.policy.load import load_policy
from dagwarden.policy.model import Policy
from dagwarden.policy.verdict import Principal
from dagwarden.push.manifest import PushManifest
from dagwarden.validate.model import (
    DagModel,
    FactKind,
    FileModel,
    IdentityFact,
    Known,
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
