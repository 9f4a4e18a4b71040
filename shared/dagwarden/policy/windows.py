"""When pushes may come: freezes, in which none do, and windows, outside which none do."""

from __future__ import annotations

import datetime as dt
import enum
import zoneinfo
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from dagwarden.documents import suggest
from dagwarden.lint.finding import Finding
from dagwarden.lint.page import Page
from dagwarden.policy import pages
from dagwarden.policy.durations import Duration, read_duration
from dagwarden.policy.facts import PushFacts
from dagwarden.policy.globs import match_name, match_path
from dagwarden.policy.section import Glob, Name, Section
from dagwarden.policy.told import find_in_paths
from dagwarden.yaml_nodes import Fault

if TYPE_CHECKING:
    from dagwarden.policy.model import Policy

STARTS_LOOKED_AT = 400
"""Starts of a window looked at, newest first: those of each minute in three hours around a change of the clocks."""
CLOCK_CHANGE = dt.timedelta(hours=3)
"""No change of a zone's clocks moves them further.

Source: the tz database; but for Samoa in 2011, which skipped a day."""


class WindowKind(enum.StrEnum):
    """What a window means for the paths it covers."""

    FREEZE = "freeze"
    """Nothing is taken while it lasts."""
    ALLOW = "allow"
    """Of all that cover a path, one must be open."""


class Moment(enum.StrEnum):
    """What a window or an approval applies to."""

    PUSH = "push"
    ROLLBACK = "rollback"
    BREAK_GLASS = "break_glass"


class Window(Section, frozen=True, kw_only=True):
    """A span of time that comes again: it starts when `cron` says, by the clocks of `time_zone`, and lasts `duration`.

    A start that the change to summer time skips comes an hour later; one that comes twice counts the first time.
    """

    name: Name
    kind: Annotated[WindowKind, Meta(description="`freeze`: nothing while it lasts; `allow`: only while it lasts")]
    cron: Annotated[str, Meta(description="its starts: minute, hour, day of month, month, day of week")]
    duration: Duration
    time_zone: Annotated[str, Meta(description="as the tz database names it, e.g. `Europe/Berlin`")] = "UTC"
    paths: tuple[Glob, ...] = ("**",)
    may_pass: Annotated[tuple[Glob, ...], Meta(description="e-mails of those it does not bind")] = ()
    applies_to: Annotated[
        tuple[Moment, ...], Meta(min_length=1, description="with `break_glass`, emergencies do not lift it either")
    ] = (Moment.PUSH, Moment.ROLLBACK)


def check_windows(policy: Policy, facts: PushFacts) -> Iterator[Finding]:
    """What is changed in a freeze, or while no window that would let it is open: one finding a window and path."""
    if not policy.windows:
        return
    paths = sorted({change.path for change in facts.changes})
    binding = [(i, window) for i, window in enumerate(policy.windows) if _binds(window, facts)]
    for index, window in binding:
        if window.kind is WindowKind.FREEZE and (covered := _cover(window, paths)):
            end = find_end(window, facts.now)
            if end is not None:
                said = f"`{window.name}` is a freeze until {_say(end, window)}"
                page = _choose_page(window, facts, pages.PUSH_IN_FREEZE)
                yield from find_in_paths(page, said, covered, clause=policy.clause("windows", index))
    yield from _check_allowing(policy, facts, binding, paths)


def _check_allowing(
    policy: Policy, facts: PushFacts, binding: Sequence[tuple[int, Window]], paths: Sequence[str]
) -> Iterator[Finding]:
    allowing = [(i, window) for i, window in binding if window.kind is WindowKind.ALLOW]
    opened = [window for _, window in allowing if find_end(window, facts.now) is not None]
    shut = [path for path in paths if not any(match_path(path, window.paths) for window in opened)]
    told: set[str] = set()
    for index, window in allowing:
        covered = [path for path in _cover(window, shut) if path not in told]
        told.update(covered)
        said = f"`{window.name}` is not open; it opens next at {_say(find_start(window, facts.now), window)}"
        page = _choose_page(window, facts, pages.PUSH_OUTSIDE_WINDOW)
        yield from find_in_paths(page, said, covered, clause=policy.clause("windows", index))


def _choose_page(window: Window, facts: PushFacts, page: Page) -> Page:
    """An emergency that the window binds as well is refused for good."""
    return pages.EMERGENCY_IN_FREEZE if facts.break_glass and Moment.BREAK_GLASS in window.applies_to else page


def _binds(window: Window, facts: PushFacts) -> bool:
    if facts.principal.attested_by and match_name(facts.principal.name, window.may_pass):
        return False
    if facts.break_glass and Moment.BREAK_GLASS in window.applies_to:
        return True
    return moment_of(facts) in window.applies_to


def moment_of(facts: PushFacts) -> Moment:
    """Whether it is a push or a rollback, emergency or not."""
    return Moment.PUSH if facts.manifest.rollback_to is None else Moment.ROLLBACK


def _cover(window: Window, paths: Sequence[str]) -> list[str]:
    return [path for path in paths if match_path(path, window.paths)]


def find_end(window: Window, now: dt.datetime) -> dt.datetime | None:
    """When the window that is open now ends; None when it is not open. A window holds its start and not its end."""
    from croniter import croniter  # type: ignore[import-untyped]

    zone, lasts = zoneinfo.ZoneInfo(window.time_zone), read_duration(window.duration)
    local = now.astimezone(zone).replace(tzinfo=None, fold=0) + CLOCK_CHANGE
    starts = croniter(window.cron, local, ret_type=dt.datetime)
    for start in islice(iter(starts.get_prev, None), STARTS_LOOKED_AT):
        started = _place(start, zone)
        if started <= now:
            return started + lasts if now < started + lasts else None
    return None


def find_start(window: Window, now: dt.datetime) -> dt.datetime:
    """When the window opens next."""
    from croniter import croniter

    zone = zoneinfo.ZoneInfo(window.time_zone)
    local = now.astimezone(zone).replace(tzinfo=None, fold=0) - CLOCK_CHANGE
    starts = croniter(window.cron, local, ret_type=dt.datetime)
    found = (_place(start, zone) for start in iter(starts.get_next, None))
    return next(start for start in found if start > now)


def _place(start: dt.datetime, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    return start.replace(tzinfo=zone).astimezone(dt.UTC)


def _say(at: dt.datetime, window: Window) -> str:
    return f"{at.astimezone(zoneinfo.ZoneInfo(window.time_zone)):%Y-%m-%d %H:%M} {window.time_zone}"


def explain_window(window: Window, line: Callable[[str], int]) -> Iterator[Fault]:
    """What is wrong with its meaning.

    Args:
        line: the line that one of its keys stands on.
    """
    if window.time_zone not in zoneinfo.available_timezones():
        near = suggest(window.time_zone, sorted(zoneinfo.available_timezones()))
        yield Fault(line("time_zone"), f"`{window.time_zone}` is no time zone{near}")
    if reason := explain_cron(window.cron):
        yield Fault(line("cron"), f"`{window.cron}` {reason}")


def explain_cron(expression: str) -> str:
    """Why it is no cron expression of ours; empty when it is one that comes again."""
    from croniter import CroniterBadDateError, CroniterError, croniter

    if len(expression.split()) != 5:
        return "needs five parts: minute, hour, day of month, month, day of week"
    try:
        croniter(expression, dt.datetime(2024, 1, 1)).get_next()  # noqa: DTZ001 (any day serves)
    except CroniterBadDateError:
        return "never comes"
    except (CroniterError, ValueError, KeyError) as error:
        return f"is no cron expression: {error}"
    return ""
