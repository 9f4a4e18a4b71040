"""Exceptions by which Airflow itself refuses a DAG, and the rules they stand for."""

from __future__ import annotations

from dagwarden.lint.finding import Severity
from dagwarden.lint.page import Page
from dagwarden.validate.rules.environment import DUPLICATE_DAG_ID
from dagwarden.validate.rules.rule import share_page
from dagwarden.validate.rules.scheduling import INVALID_CRON
from dagwarden.validate.rules.structure import DAG_CYCLE

DUPLICATE_TASK_ID = share_page("DW303", "duplicate-task-id", Severity.WARNING, "Give each task an id of its own.")
UNKNOWN_TRIGGER_RULE = share_page("DW305", "unknown-trigger-rule", Severity.ERROR, "Use one of Airflow's rules.")

RULES_OF_EXCEPTIONS: dict[str, Page] = {
    "DuplicateTaskIdFound": DUPLICATE_TASK_ID,
    "AirflowDagCycleException": DAG_CYCLE,
    "AirflowDagDuplicatedIdException": DUPLICATE_DAG_ID,
    "AirflowTimetableInvalid": INVALID_CRON,
}
"""By the unqualified name of the exception that an import or DAG.validate() ended with. What Airflow refuses is an
error, whatever the page says.

Source: airflow.exceptions, airflow.sdk.exceptions of 3.3.2."""


def find_page(exception: str, message: str) -> Page | None:
    """The rule that an exception of Airflow's stands for; None: the import is broken in some other way.

    >>> find_page("ValueError", "The trigger_rule must be one of [...]").rule
    'unknown-trigger-rule'
    """
    if exception == "ValueError" and message.startswith("The trigger_rule must be one of"):
        return UNKNOWN_TRIGGER_RULE
    return RULES_OF_EXCEPTIONS.get(exception)
