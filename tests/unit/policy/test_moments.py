"""What binds a push, a rollback and an emergency of each: as the policy says, section by section."""

from __future__ import annotations

import msgspec
import pytest
from tests.unit.policy.cases import make_facts, make_policy

from dagwarden.names import ReleasePath
from dagwarden.policy.break_glass import KINDS, Lifted
from dagwarden.policy.decide import decide
from dagwarden.policy.facts import PushFacts
from dagwarden.policy.rules import index_categories
from dagwarden.policy.verdict import Outcome
from dagwarden.validate.model import DagModel, FactKind, FileModel, IdentityFact, Known, TaskModel

ALLOWED, HELD, DENIED = Outcome.ALLOWED, Outcome.HELD, Outcome.DENIED
REASON = "payroll stands still"
GLASS = "break_glass:\n  principals: [ann@acme.example]\n"
ALL = f"{GLASS}  lifts: [approvals, conditions, identities, limits, windows]\n"
NONE = f"{GLASS}  lifts: []\n"

FREEZE = "windows:\n  - {name: w, kind: freeze, cron: '0 0 * * 3', duration: 30h%s}\n"
APPROVALS = "approvals:\n  - {name: a, from: [lead@acme.example]%s}\n"
LIMIT = "limits: {max_import_s: 1}\n"
SIZE = "limits: {max_files: 1}\n"
TEAMS = "teams:\n  - {name: t, paths: ['dags/**'], may_use: {impersonation: [a@p.iam.gserviceaccount.com]}}\n"
CONDITION = "conditions:\n  - {name: c, on: push, require: 'size(push.source) > 9', message: say from where}\n"

Row = tuple[str, str, Outcome, Outcome, Outcome, Outcome]

TABLE: tuple[Row, ...] = (
    # section, policy; a push, a rollback, an emergency push, an emergency rollback
    ("nothing", "", ALLOWED, ALLOWED, DENIED, DENIED),
    ("an emergency that nothing stands against", GLASS, ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("a freeze", FREEZE % "" + GLASS, DENIED, DENIED, ALLOWED, ALLOWED),
    ("a freeze of pushes", FREEZE % ", applies_to: [push]" + GLASS, DENIED, ALLOWED, ALLOWED, ALLOWED),
    ("a freeze of rollbacks", FREEZE % ", applies_to: [rollback]" + GLASS, ALLOWED, DENIED, ALLOWED, ALLOWED),
    ("a freeze of all pushes", FREEZE % ", applies_to: [push, break_glass]" + ALL, DENIED, ALLOWED, DENIED, DENIED),
    ("a freeze of others", FREEZE % ", may_pass: [ann@acme.example]" + GLASS, ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("a freeze that nothing lifts", FREEZE % "" + NONE, DENIED, DENIED, DENIED, DENIED),
    ("approvals", APPROVALS % "" + GLASS, HELD, HELD, ALLOWED, ALLOWED),
    ("approvals of pushes", APPROVALS % ", applies_to: [push]" + GLASS, HELD, ALLOWED, ALLOWED, ALLOWED),
    ("approvals of rollbacks", APPROVALS % ", applies_to: [rollback]" + GLASS, ALLOWED, HELD, ALLOWED, ALLOWED),
    ("approvals that nothing lifts", APPROVALS % "" + NONE, HELD, HELD, HELD, HELD),
    ("limits", LIMIT + GLASS, DENIED, DENIED, ALLOWED, ALLOWED),
    ("limits that nothing lifts", LIMIT + NONE, DENIED, DENIED, DENIED, DENIED),
    ("limits of size, which bound what is read at all", SIZE + ALL, DENIED, DENIED, DENIED, DENIED),
    ("teams", TEAMS + GLASS, DENIED, DENIED, DENIED, DENIED),
    ("teams that an emergency lifts", TEAMS + ALL, DENIED, DENIED, ALLOWED, ALLOWED),
    ("conditions", CONDITION + GLASS, DENIED, DENIED, ALLOWED, ALLOWED),
    ("conditions that nothing lifts", CONDITION + NONE, DENIED, DENIED, DENIED, DENIED),
)  # fmt: skip


def offer(rollback_to: int | None, reason: str) -> PushFacts:
    """Two files, one of which runs as somebody whom no team may use."""
    who = IdentityFact(
        kind=FactKind.IMPERSONATION, argument="a", value="b@p.iam.gserviceaccount.com", known=Known.LITERAL
    )
    task = TaskModel(task_id="t", line=1, operator="a.b.C", facts=(who,))
    facts = make_facts(paths=["dags/a.py", "dags/b.py"], rollback_to=rollback_to, break_glass=reason)
    file = FileModel(path="dags/a.py", dags=(DagModel(dag_id="d", tasks=(task,)),))
    return msgspec.structs.replace(facts, files=(file,), import_seconds={ReleasePath("dags/a.py"): 9.0})


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_a_section_binds_pushes_rollbacks_and_emergencies_as_it_says(row: Row) -> None:
    _, text, *expected = row
    policy = make_policy(text)
    offers = [offer(rollback_to, reason) for reason in ("", REASON) for rollback_to in (None, 1)]
    assert [decide(policy, facts).outcome for facts in offers] == expected


def test_every_kind_that_an_emergency_lifts_is_that_of_some_rule() -> None:
    assert KINDS.keys() <= set(index_categories().values())
    assert set(KINDS.values()) == set(Lifted)
