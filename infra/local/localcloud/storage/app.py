"""The storage API over HTTP: from a request to its operation, past planned faults, to the answer."""

from __future__ import annotations

import msgspec
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from localcloud.calls import Calls
from localcloud.faulty import Call, HangUp, answer
from localcloud.ports import Broker, Identity, ObjectEvents
from localcloud.state import State
from localcloud.storage.batch import answer_batch
from localcloud.storage.clock import Now, now_us
from localcloud.storage.errors import Refusal
from localcloud.storage.operations import Operation, resolve, subject_of
from localcloud.storage.request import Request, parse_query
from localcloud.storage.service import Service

BATCH_PATH = "/batch/storage/v1"

_VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def routes(
    state: State, calls: Calls, broker: Broker, events: ObjectEvents, identity: Identity, *, now: Now = now_us
) -> list[BaseRoute]:
    """The routes of the storage service; its tables exist in `state` afterwards.

    Args:
        now: microseconds since the epoch; tests put time there.
    """
    api = _Api(Service(state, broker, events, identity, now), calls)
    prefixes = ("/storage/v1", "/upload/storage/v1", "/download/storage/v1", BATCH_PATH)
    tails = ("", "/{rest:path}")
    return [Route(f"{prefix}{tail}", api.serve, methods=_VERBS) for prefix in prefixes for tail in tails]


class _Api:
    def __init__(self, service: Service, calls: Calls) -> None:
        self._service = service
        self._calls = calls

    async def serve(self, http: HttpRequest) -> Response:
        """Answer one HTTP request."""
        try:
            request = await _read(http)
            if request.path.rstrip("/") == BATCH_PATH:
                return await answer_batch(request, self.handle)
        except ClientDisconnect:
            return HangUp()  # nobody is there to answer
        except Refusal as refusal:
            return refusal.response()
        return await self.handle(request)

    async def handle(self, request: Request) -> Response:
        """Answer one API call: counted once, and struck by what fault is planned for it."""
        try:
            operation, params = resolve(request.verb, request.path)
            query = parse_query(request.query_string)
        except Refusal as refusal:
            return refusal.response()
        caller = self._service.identity.caller(request.headers)
        request = msgspec.structs.replace(request, params=params, query=query, caller=caller)

        async def work() -> Response:
            return self._perform(operation, request)

        return await answer(self._calls, self._call(operation, request), work)

    def _call(self, operation: Operation, request: Request) -> Call:
        return Call(
            service="storage",
            method=operation.method_of(request),
            caller=request.caller,
            subject=subject_of(self._service, request),
        )

    def _perform(self, operation: Operation, request: Request) -> Response:
        try:
            return operation.handle(self._service, request)
        except Refusal as refusal:
            return refusal.response()


async def _read(http: HttpRequest) -> Request:
    raw_path: bytes = http.scope["raw_path"]
    return Request(
        verb=http.method,
        path=raw_path.partition(b"?")[0].decode("latin-1"),
        query_string=http.scope["query_string"].decode("latin-1"),
        headers=dict(http.headers),
        body=await http.body(),
        base_url=f"{http.url.scheme}://{http.headers.get('host', '127.0.0.1')}",
    )
