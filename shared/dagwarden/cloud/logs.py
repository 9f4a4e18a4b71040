"""Cloud Logging: entries written and known to be stored, entries read by filter. Spoken over HTTP."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from dagwarden.cloud.failures import mapped
from dagwarden.settings import Settings

if TYPE_CHECKING:
    from google.cloud.logging import Client


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One log entry with a JSON payload."""

    payload: dict[str, Any]
    severity: str
    insert_id: str
    timestamp: dt.datetime
    labels: dict[str, str] = {}
    trace: str = ""
    """W3C trace id, 32 hex digits."""
    about: dict[str, str] = {}
    """Labels of the resource that the entry is about."""


class Log:
    """One log of one project."""

    def __init__(self, client: Client, name: str, settings: Settings) -> None:
        self._client = client
        self._logger = client.logger(name)
        self._project = settings.project
        self.name = name

    def write(self, *entries: Entry) -> None:
        """All entries are stored when this returns; writing one again (same insert id and timestamp) shows it once.

        Source: entries are deduplicated in query results by timestamp and insertId, google-logging v2 LogEntry.
        """
        with mapped("write log", self.name):
            batch = self._logger.batch()
            for entry in entries:
                batch.log_struct(
                    entry.payload,
                    severity=entry.severity,
                    insert_id=entry.insert_id,
                    timestamp=entry.timestamp,
                    labels=entry.labels,
                    trace=f"projects/{self._project}/traces/{entry.trace}" if entry.trace else None,
                    resource=_resource(self._project),
                )
            batch.commit(partial_success=False)

    def read(self, filter_: str, *, newest_first: bool = False, limit: int | None = None) -> Iterator[Entry]:
        """Entries of this log that match a Logging filter, in order of time."""
        from google.cloud.logging import ASCENDING, DESCENDING

        log_name = f'logName="projects/{self._project}/logs/{self.name}"'
        with mapped("read log", self.name):
            for found in self._client.list_entries(
                resource_names=[f"projects/{self._project}"],
                filter_=f"{log_name} AND ({filter_})" if filter_ else log_name,
                order_by=DESCENDING if newest_first else ASCENDING,
                max_results=limit,
                page_size=500,
            ):
                yield Entry(
                    payload=found.payload if isinstance(found.payload, dict) else {"text": str(found.payload)},
                    severity=found.severity or "DEFAULT",
                    insert_id=found.insert_id or "",
                    timestamp=found.timestamp,
                    labels=dict(found.labels or {}),
                    trace=(found.trace or "").rpartition("/")[2],
                    about=dict((found.resource.labels if found.resource else None) or {}),
                )


def make_client(**how: Any) -> Client:
    """Cloud Logging's client, but one that says itself what its entries are about.

    Its own asks the metadata server where it runs, for each logger and for each entry read: seconds outside of Google.
    """
    from google.cloud.logging import Client

    class PlainClient(Client):
        def logger(self, name: str, *, labels: Any = None, resource: Any = None) -> Any:
            return super().logger(name, labels=labels, resource=resource or _resource(self.project))  # type: ignore[no-untyped-call]

    return PlainClient(**how)  # type: ignore[no-untyped-call]


def _resource(project: str) -> Any:
    from google.cloud.logging import Resource

    return Resource(type="global", labels={"project_id": project})
