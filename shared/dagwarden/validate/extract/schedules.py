"""The schedule of a live DAG as a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dagwarden.validate.extract.fields import Fields, Limits, fields_of, seconds, short
from dagwarden.validate.extract.originals import Originals, is_library, read
from dagwarden.validate.extract.peek import (
    MISSING,
    Unreadable,
    elements_of,
    is_instance,
    is_sequence,
    qualified_name,
    true_mro,
)
from dagwarden.validate.model import MAX_ITEMS, MAX_TEXT, Schedule, ScheduleKind

KINDS: dict[str, ScheduleKind] = {
    "NullTimetable": ScheduleKind.NONE,
    "OnceTimetable": ScheduleKind.ONCE,
    "ContinuousTimetable": ScheduleKind.CONTINUOUS,
    "CronMixin": ScheduleKind.CRON,
    "MultipleCronTriggerTimetable": ScheduleKind.CRON,
    "DeltaMixin": ScheduleKind.INTERVAL,
    "DeltaTriggerTimetable": ScheduleKind.INTERVAL,
    "DeltaDataIntervalTimetable": ScheduleKind.INTERVAL,
    "EventsTimetable": ScheduleKind.EVENTS,
    "AssetOrTimeSchedule": ScheduleKind.ASSETS_OR_TIME,
    "DatasetOrTimeSchedule": ScheduleKind.ASSETS_OR_TIME,
    "AssetTriggeredTimetable": ScheduleKind.ASSETS,
    "DatasetTriggeredTimetable": ScheduleKind.ASSETS,
}
"""By the unqualified names of Airflow's timetables and their bases, in 2.10 and in 3; the nearest base decides."""

_CONDITIONS = ("asset_condition", "dataset_condition")
_NAMES = ("uri", "name")
MAX_DEPTH = 32


def read_schedule(originals: Originals, timetable: object, limits: Limits) -> Schedule:
    """What makes a DAG run, by its timetable."""
    own = qualified_name(type(timetable))[:MAX_TEXT]
    kind = _kind_of(originals, timetable)
    fields = fields_of(originals, timetable, limits)
    if kind is ScheduleKind.CRON:
        text = " | ".join(_expressions(originals, timetable, limits))
        schedule = Schedule(kind=kind if text else ScheduleKind.UNREADABLE, text=text[:MAX_TEXT])
    elif kind is ScheduleKind.INTERVAL:
        delta = _first(fields, ("delta", "_delta"))
        length_s = _try_seconds(delta)
        schedule = Schedule(kind=kind, text="" if length_s is None else f"{length_s:g} s", interval_s=length_s)
    elif kind in {ScheduleKind.ASSETS, ScheduleKind.ASSETS_OR_TIME}:
        inner = _first(fields, ("timetable",)) if kind is ScheduleKind.ASSETS_OR_TIME else MISSING
        text = read_schedule(originals, inner, limits).text if inner is not MISSING else ""
        found = list(dict.fromkeys(_assets(originals, _first(fields, _CONDITIONS), MAX_DEPTH)))
        limits.cut("assets", MAX_ITEMS, len(found))
        schedule = Schedule(kind=kind, text=text, assets=tuple(found[:MAX_ITEMS]))
    else:
        schedule = Schedule(kind=kind, text=own if kind is ScheduleKind.TIMETABLE else "")
    return schedule


def _kind_of(originals: Originals, timetable: object) -> ScheduleKind:
    if not is_library(originals, type(timetable)):
        return ScheduleKind.TIMETABLE
    for base in true_mro(type(timetable)):
        found = KINDS.get(qualified_name(base).rpartition(".")[2])
        if found is not None:
            return found
    return ScheduleKind.TIMETABLE


def _expressions(originals: Originals, timetable: object, limits: Limits) -> Iterator[str]:
    fields = fields_of(originals, timetable, limits)
    several = _first(fields, ("timetables", "_timetables"))
    if several is not MISSING and is_sequence(several):
        for each in elements_of(several):
            yield from _expressions(originals, each, limits)
        return
    found = fields.take("expression", short) or fields.take("_expression", short)
    if found:
        yield found


def _first(fields: Fields, names: tuple[str, ...]) -> Any:
    for name in names:
        try:
            found = fields.look_up(name)
        except Unreadable:
            continue
        if found is not MISSING:
            return found
    return MISSING


def _try_seconds(delta: object) -> float | None:
    """The length of an interval; None for one of months or years, whose length varies."""
    try:
        return seconds(delta)
    except Unreadable:
        return None


def _assets(originals: Originals, condition: object, depth: int) -> Iterator[str]:
    """The names of the assets in a condition; of those with a URI, the URI."""
    if depth <= 0 or condition is MISSING or condition is None:
        return
    try:
        inside = read(originals, condition, "objects")
        if inside is not MISSING and is_sequence(inside):
            for each in elements_of(inside):
                yield from _assets(originals, each, depth - 1)
            return
        for name in _NAMES:
            found = read(originals, condition, name)
            if found is not MISSING and is_instance(found, str):
                yield short(found)
                return
    except Unreadable:
        pass
    yield f"<{qualified_name(type(condition))}>"[:MAX_TEXT]
