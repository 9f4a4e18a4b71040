"""All attempts on tasks, by the way they take."""

from __future__ import annotations

from tests.scenarios.red_team.attempt import Attempt
from tests.scenarios.red_team.by_argument import BY_BODY, BY_CHAIN, BY_CONNECTION, BY_RUN_TIME
from tests.scenarios.red_team.by_place import BY_PATH, BY_POD, BY_TEXT

SECTIONS: dict[str, tuple[Attempt, ...]] = {
    "an account to act as": BY_CHAIN,
    "what is decided at run time, or hidden": BY_RUN_TIME,
    "what a task creates": BY_BODY,
    "connections": BY_CONNECTION,
    "the pod, worker or variables it runs with": BY_POD,
    "text that no argument shows": BY_TEXT,
    "whose file it is": BY_PATH,
}
ATTEMPTS: tuple[Attempt, ...] = tuple(attempt for section in SECTIONS.values() for attempt in section)
