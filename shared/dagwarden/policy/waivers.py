"""Dated exemptions: a waived finding is still told, and counted, but denies nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from dagwarden.policy.section import Paths, Section

if TYPE_CHECKING:
    from dagwarden.policy.model import Policy


class Waiver(Section, frozen=True, kw_only=True):
    """One rule waived in some files, until a day. Rules that no policy may turn down cannot be waived."""

    rule: Annotated[str, Meta(description="id of the rule; see `dagwarden rules`")]
    paths: Paths
    justification: Annotated[str, Meta(min_length=10, description="why, for those who read it later")]
    approver: Annotated[str, Meta(min_length=1, description="who answers for it")]
    expires_on: Annotated[dt.date, Meta(description="the last day it holds, in UTC")]


def is_in_force(waiver: Waiver, now: dt.datetime) -> bool:
    """Whether its last day, in UTC, is not over."""
    return now.astimezone(dt.UTC).date() <= waiver.expires_on


def advise_waivers(policy: Policy, now: dt.datetime) -> Iterator[str]:
    """What waivers do no more, or soon, each as `NAME:LINE: what`."""
    today = now.astimezone(dt.UTC).date()
    for index, waiver in enumerate(policy.waivers):
        left = (waiver.expires_on - today).days
        if left < 0:
            yield f"{policy.clause('waivers', index)}: the waiver of `{waiver.rule}` ran out on {waiver.expires_on}"
        elif left <= 14:
            yield f"{policy.clause('waivers', index)}: the waiver of `{waiver.rule}` ends on {waiver.expires_on}"
