"""Exceptions that are none let nothing through; those that hold do."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from dagwarden.ledger.release import PutFile
from dagwarden.ledger.state import empty_state
from dagwarden.names import Digest, EnvironmentName, PushId, ReleasePath
from dagwarden.policy.decide import Decision, decide
from dagwarden.policy.facts import Approval, PushFacts
from dagwarden.policy.load import load_policy
from dagwarden.policy.mentions import find_mentions
from dagwarden.policy.verdict import Outcome, Principal
from dagwarden.push.manifest import PushManifest, push_id
from tests.scenarios.red_team.attempt import FINANCE, POLICY, SALES
from tests.scenarios.red_team.by_word import AUTHOR, BY_WORD, PUSHER, Word, WordAttempt
from tests.scenarios.red_team.table import ELSEWHERE

NOW = dt.datetime(2026, 1, 2, 12, 0, tzinfo=dt.UTC)
PROD = EnvironmentName("prod")
PATH = ReleasePath("dags/sales/load.py")
NOTHING = Digest("0" * 64)
MANIFEST = PushManifest(
    environment=PROD, source="git", created_at=NOW, changes=(), authors=(f"Ann <{AUTHOR}>",), message="Load"
)


def decide_with(word: Word, account: str) -> Decision:
    """The decision on a push that names the account, under the policy with the word added."""
    policy = load_policy((POLICY + word.policy).encode())
    return decide(
        policy,
        PushFacts(
            principal=Principal(name=PUSHER, attested_by="jwt"),
            manifest=MANIFEST,
            is_raw_drop=False,
            state=empty_state(PROD),
            changes=(PutFile(path=PATH, sha256=NOTHING, md5="", size_bytes=1, mode="0644"),),
            mentions=tuple(find_mentions(PATH, f"who = '{account}'\n".encode())),
            approvals=tuple(
                Approval(
                    principal=Principal(name=each.who, attested_by="jwt" if each.is_signed else ""),
                    push_id=push_id(MANIFEST) if each.is_of_this_push else PushId("1" * 64),
                    policy_digest=policy.digest if each.is_under_this_policy else NOTHING,
                    given_at=NOW + dt.timedelta(seconds=each.given_s),
                )
                for each in word.approvals
            ),
            break_glass=word.reason,
            now=NOW,
        ),
    )


@pytest.mark.parametrize("attempt", BY_WORD, ids=lambda attempt: attempt.name)
def test_an_exception_that_is_none_lets_nothing_through(attempt: WordAttempt) -> None:
    account = FINANCE if attempt.names_account else SALES
    decision = decide_with(attempt.bad, account)
    assert decision.outcome is not Outcome.ALLOWED
    assert attempt.rule in {finding.rule for finding in decision.findings}
    assert decide_with(attempt.good, account).outcome is Outcome.ALLOWED


def test_the_stories_of_the_table_are_told_by_tests_that_exist() -> None:
    root = Path(__file__).parents[3]
    for _, test in ELSEWHERE:
        file, _, name = test.partition("::")
        assert f"def {name}(" in (root / file).read_text() if name else (root / file).exists(), test
