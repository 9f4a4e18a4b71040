"""The methods of `logging.googleapis.com` v2 that speak of entries and logs.

There is no tail over REST. A follower lists with `receiveTimestamp > "the last one it saw"`: receive times here are
whole microseconds and no two are alike, and the store finds them by index.
Source: cloud.google.com/logging/docs/reference/v2/rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from starlette.routing import Route

from localcloud.calls import Calls
from localcloud.iam.access import Access
from localcloud.logs.entries import AUDIT_LOGS, Defaults, parent_of, read_entry
from localcloud.logs.query import Query, list_page
from localcloud.logs.store import LogStore
from localcloud.ports import ANONYMOUS
from localcloud.rest import Api, ApiError, Asked, Method, count_field, object_field, text_field

_ORDERS = {"": False, "timestamp": False, "timestamp asc": False, "timestamp desc": True}
_MAX_ENTRIES = 1000
_MAX_PAGE = 1000
_MAX_PARENTS = 100


class LogsApi:
    """Writes, lists and deletes."""

    def __init__(self, store: LogStore, access: Access) -> None:
        self._store = store
        self._access = access

    def routes(self, calls: Calls) -> list[Route]:
        """The HTTP API."""
        methods = (
            Method("POST", "/v2/entries:write", "entries.write", self.write),
            Method("POST", "/v2/entries:list", "entries.list", self.list_entries),
            Method("GET", "/v2/{kind}/{parent}/logs", "logs.list", self.list_logs),
            Method("DELETE", "/v2/{kind}/{parent}/logs/{log:path}", "logs.delete", self.delete_log),
        )
        return Api("logging", calls, self._access).routes(methods)

    def write(self, asked: Asked) -> Mapping[str, Any]:
        """The valid entries are stored: all or, unless `partialSuccess`, none."""
        body = asked.body
        defaults = Defaults(text_field(body, "logName"), object_field(body, "resource"), object_field(body, "labels"))
        raw = body.get("entries")
        if not isinstance(raw, list) or len(raw) > _MAX_ENTRIES:
            raise ApiError("INVALID_ARGUMENT", f"Invalid value at 'entries': a list, at most {_MAX_ENTRIES} long.")
        entries, errors = self._read_all(raw, defaults, asked.caller)
        if errors and not body.get("partialSuccess"):
            raise next(iter(errors.values()))
        if not (body.get("dryRun") or body.get("dry_run")):
            self._store.append(entries)
        if errors:
            raise _partial(errors)
        return {}

    def list_entries(self, asked: Asked) -> Mapping[str, Any]:
        """One page of the entries that a filter selects."""
        body = asked.body
        parents = _read_parents(body)
        for parent in parents:
            self._access.require(asked.caller, "logging.logEntries.list", parent)
        order = text_field(body, "orderBy").strip()
        if order not in _ORDERS:
            raise ApiError("INVALID_ARGUMENT", f"Invalid value at 'orderBy': {order[:80]!r}, not {list(_ORDERS)}.")
        query = Query(
            parents=parents,
            filter=text_field(body, "filter"),
            is_descending=_ORDERS[order],
            page_size=min(count_field(body, "pageSize", 0) or 50, _MAX_PAGE),
            page_token=text_field(body, "pageToken"),
        )
        return list_page(self._store, query)

    def list_logs(self, asked: Asked) -> Mapping[str, Any]:
        """One page of the names of the logs that hold entries."""
        parent = f"{asked.path['kind']}/{asked.path['parent']}"
        self._access.require(asked.caller, "logging.logs.list", parent)
        size = min(count_field(asked.query, "pageSize", 0) or 50, _MAX_PAGE)
        after = asked.query.get("pageToken", "")
        names = [name for name in self._store.log_names(parent) if name > after]
        page: dict[str, Any] = {"logNames": names[:size]} if names else {}
        return {**page, "nextPageToken": names[size - 1]} if len(names) > size else page

    def delete_log(self, asked: Asked) -> Mapping[str, Any]:
        """The log holds nothing any more."""
        parent = f"{asked.path['kind']}/{asked.path['parent']}"
        self._access.require(asked.caller, "logging.logs.delete", parent)
        name = f"{parent}/logs/{quote(asked.path['log'], safe='')}"
        if not self._store.delete_log(name):
            raise ApiError("NOT_FOUND", f"Log {name} does not exist")
        return {}

    def _read_all(
        self, raw: Sequence[Any], defaults: Defaults, caller: str
    ) -> tuple[list[dict[str, Any]], dict[int, ApiError]]:
        entries: list[dict[str, Any]] = []
        errors: dict[int, ApiError] = {}
        for index, each in enumerate(raw):
            try:
                entry = read_entry(each, defaults, self._store.receive())
                self._check_caller(caller, entry["logName"])
            except ApiError as error:
                errors[index] = error
            else:
                entries.append(entry)
        return entries, errors

    def _check_caller(self, caller: str, log_name: str) -> None:
        self._access.require(caller, "logging.logEntries.create", parent_of(log_name))
        if AUDIT_LOGS in log_name and caller != ANONYMOUS:
            raise ApiError("PERMISSION_DENIED", f"{log_name} is written by the cloud itself.")


def _read_parents(body: Mapping[str, Any]) -> tuple[str, ...]:
    names = body.get("resourceNames") or []
    if not isinstance(names, list) or not 0 < len(names) <= _MAX_PARENTS:
        raise ApiError("INVALID_ARGUMENT", f"Invalid value at 'resourceNames': 1 to {_MAX_PARENTS} names are needed.")
    for name in names:
        if not isinstance(name, str) or len(name.split("/")) < 2:  # buckets and views of a project are not kept apart
            raise ApiError("INVALID_ARGUMENT", f"Invalid value at 'resourceNames': {str(name)[:80]!r}.")
    return tuple("/".join(name.split("/")[:2]) for name in names)


def _partial(errors: Mapping[int, ApiError]) -> ApiError:
    first = next(iter(errors.values()))
    details = {
        "@type": "type.googleapis.com/google.logging.v2.WriteLogEntriesPartialErrors",
        "logEntryErrors": {
            str(index): {"code": 7 if error.status == "PERMISSION_DENIED" else 3, "message": error.message}
            for index, error in errors.items()
        },
    }
    return ApiError(first.status, first.message, details)
