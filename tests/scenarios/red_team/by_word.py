# ruff: noqa: E501 (one attempt a line: literal data)
"""Attempts with the exceptions that a policy makes: waivers, approvals, emergencies, milder levels."""

from __future__ import annotations

from typing import NamedTuple

PUSHER, LEAD, SECOND = "sales-ci@acme.iam.gserviceaccount.com", "lead@acme.example", "second@acme.example"
AUTHOR = "ann@acme.example"

WAIVER = """\
waivers:
  - rule: RULE
    paths: ["PATHS"]
    justification: moved to an account of its own in March
    approver: lead@acme.example
    expires_on: DAY
"""
APPROVALS = """\
approvals:
  - name: four eyes
    paths: ["dags/**"]
    needs: 1
    from: ["*@acme.example", "*@acme.iam.gserviceaccount.com"]
people:
  - {name: who pushes, principals: [sales-ci@acme.iam.gserviceaccount.com, owner@acme.example]}
  - {name: Ann, principals: [ann@acme.example, ann-key@acme.example]}
  - {name: the lead, principals: [lead@acme.example, lead-key@acme.example]}
"""
EMERGENCY = """\
break_glass:
  principals: ["WHO"]
  lifts: [LIFTED]
"""
OVERRIDE = """\
enforcement:
  overrides:
    - team: WHO
      rules: {service-account-not-allowed: warn}
"""


class Approved(NamedTuple):
    """One approval, as it came in."""

    who: str = LEAD
    is_signed: bool = True
    is_of_this_push: bool = True
    is_under_this_policy: bool = True
    given_s: int = -60
    """From now."""


class Word(NamedTuple):
    """What the policy says besides, and what else is brought forward."""

    policy: str
    approvals: tuple[Approved, ...] = ()
    reason: str = ""
    """Of an emergency."""


class WordAttempt(NamedTuple):
    """One exception that is none, and one that holds."""

    name: str
    rule: str
    bad: Word
    good: Word
    names_account: bool = True
    """Whether the push names an account that its team may not use."""


def waive(rule: str = "service-account-not-allowed", paths: str = "dags/sales/**", day: str = "2026-01-02") -> Word:
    """A waiver; the day is 2 January 2026."""
    return Word(WAIVER.replace("RULE", rule).replace("PATHS", paths).replace("DAY", day))


def approve(name: str, *bad: Approved, needs: int = 1) -> WordAttempt:
    """Approvals that do not count, and as many as are needed that do."""
    policy = APPROVALS.replace("needs: 1", f"needs: {needs}")
    good = (Approved(LEAD), Approved(SECOND))[:needs]
    return WordAttempt(name, "approval-missing", Word(policy, bad), Word(policy, good), names_account=False)


def call(who: str, lifted: str = "identities", reason: str = "the close of the year is stuck") -> Word:
    """An emergency."""
    return Word(EMERGENCY.replace("WHO", who).replace("LIFTED", lifted), reason=reason)


ACCOUNT = "service-account-not-allowed"
BY_WORD: tuple[WordAttempt, ...] = (
    WordAttempt("a waiver that ran out yesterday", ACCOUNT, waive(day="2026-01-01"), waive()),
    WordAttempt("a waiver of another folder", ACCOUNT, waive(paths="dags/finance/**"), waive()),
    WordAttempt("a waiver of another rule", ACCOUNT, waive(rule="connection-not-allowed"), waive()),
    approve("approving one's own push", Approved(PUSHER)),
    approve("the approval of who wrote it", Approved(AUTHOR)),
    approve("the approval of who wrote it, in capitals", Approved(AUTHOR.upper())),
    approve("approving one's own push under another name", Approved("owner@acme.example")),
    approve("the approval of who wrote it, under another name", Approved("ann-key@acme.example")),
    approve("one approver counted twice by two names", Approved(LEAD), Approved("lead-key@acme.example"), needs=2),
    approve("an approval of another push", Approved(is_of_this_push=False)),
    approve("an approval under an older policy", Approved(is_under_this_policy=False)),
    approve("an approval that nobody signed", Approved(is_signed=False)),
    approve("an approval from the future", Approved(given_s=86_400)),
    approve("one approver counted twice", Approved(LEAD), Approved(LEAD.upper()), needs=2),
    approve("the approval of somebody who was not asked", Approved("lead@elsewhere.example")),
    WordAttempt("an emergency of somebody who may call none", ACCOUNT, call("oncall@acme.example"), call(PUSHER)),
    WordAttempt("an emergency that lifts other things", ACCOUNT, call(PUSHER, "windows"), call(PUSHER)),
    WordAttempt("an emergency for no reason", "emergency-not-allowed", call(PUSHER, reason="x"), call(PUSHER)),
    WordAttempt("a milder level of another team's", ACCOUNT, Word(OVERRIDE.replace("WHO", "finance")), Word(OVERRIDE.replace("WHO", "sales"))),
)  # fmt: skip
