"""One JSON method of a Google API over HTTP: parsed, counted, faulted, and answered with Google's error bodies."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localcloud.calls import Calls, Service
from localcloud.faulty import Call, answer
from localcloud.ports import ANONYMOUS, UNKNOWN, Identity

MAX_BODY_BYTES = 10_000_000
"""Source: logging write requests take 10 MB; the other methods here need far less."""

Status = Literal[
    "INVALID_ARGUMENT",
    "FAILED_PRECONDITION",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "ABORTED",
    "RESOURCE_EXHAUSTED",
]

CODES: Mapping[Status, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
}
"""Source: google/rpc/code.proto, "HTTP Mapping"."""


class ApiError(Exception):
    """A refusal, as a Google API words it."""

    def __init__(self, status: Status, message: str, *details: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.status: Status = status
        self.message = message
        self.details = details


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request, read whole: what a handler needs to know of it."""

    caller: str = ANONYMOUS
    path: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    body: Mapping[str, Any] = {}
    base_url: str = ""
    caller_ip: str = "127.0.0.1"
    user_agent: str = ""


Handler = Callable[[Asked], Mapping[str, Any] | Response]


class Method(msgspec.Struct, frozen=True):
    """One row of a service's table of methods."""

    verb: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    name: str
    handler: Handler
    reads_form: bool = False
    is_public: bool = False


class Api:
    """Turns a table of methods into routes of one service."""

    def __init__(self, service: Service, calls: Calls, identity: Identity) -> None:
        self._service: Service = service
        self._calls = calls
        self._identity = identity

    def routes(self, methods: tuple[Method, ...]) -> list[Route]:
        """One route per method, in the table's order (`{name}:verb` paths must come before `{name}`)."""
        return [Route(method.path, self._endpoint(method), methods=[method.verb]) for method in methods]

    def _endpoint(self, method: Method) -> Callable[[Request], Any]:
        async def serve(request: Request) -> Response:
            caller = self._identity.caller(request.headers)
            try:
                content = await _read(request)
            except ClientDisconnect:
                return Response(status_code=499)
            subject = "/".join(request.path_params.values())
            call = Call(service=self._service, method=method.name, caller=caller, subject=subject)

            async def work() -> Response:
                return _respond(method, request, caller, content)

            return await answer(self._calls, call, work)

        return serve


def error_response(error: ApiError) -> JSONResponse:
    """The body of a Google API error: `{"error": {"code", "message", "status"}}`."""
    code = CODES[error.status]
    body: dict[str, Any] = {"code": code, "message": error.message, "status": error.status}
    if error.details:
        body["details"] = list(error.details)
    return JSONResponse({"error": body}, status_code=code)


async def _read(request: Request) -> bytes | None:
    """The body; None when it is larger than any method takes."""
    chunks: list[bytes] = []
    size_bytes = 0
    async for chunk in request.stream():
        size_bytes += len(chunk)
        if size_bytes <= MAX_BODY_BYTES:
            chunks.append(chunk)
    return b"".join(chunks) if size_bytes <= MAX_BODY_BYTES else None


def _respond(method: Method, request: Request, caller: str, content: bytes | None) -> Response:
    if content is None:
        return error_response(ApiError("INVALID_ARGUMENT", f"Request payload exceeds {MAX_BODY_BYTES} bytes."))
    if caller == UNKNOWN and not method.is_public:
        return error_response(ApiError("UNAUTHENTICATED", "Request had invalid authentication credentials."))
    try:
        done = method.handler(_understand(method, request, caller, content))
    except ApiError as error:
        return error_response(error)
    return done if isinstance(done, Response) else JSONResponse(dict(done))


def _understand(method: Method, request: Request, caller: str, content: bytes) -> Asked:
    return Asked(
        caller=caller,
        path=request.path_params,
        query=dict(request.query_params),
        body={"form": text_of(content)} if method.reads_form else parse_object(content),
        base_url=str(request.base_url).rstrip("/"),
        caller_ip=request.client.host if request.client else "127.0.0.1",
        user_agent=request.headers.get("user-agent", ""),
    )


def text_of(content: bytes) -> str:
    """`content` as UTF-8.

    Raises:
        ApiError: it is none.
    """
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ApiError("INVALID_ARGUMENT", "Invalid request: the body is not UTF-8.") from None


def parse_object(content: bytes) -> dict[str, Any]:
    """The JSON object in `content`; empty content is an empty object.

    Raises:
        ApiError: it is no JSON object, too deep, or holds text that is no Unicode or a number that is none.
    """
    if not content.strip():
        return {}
    try:
        value = json.loads(content, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate is valid JSON and no text
    except (ValueError, RecursionError) as error:
        raise ApiError("INVALID_ARGUMENT", f"Invalid JSON payload received. {error}") from None
    if not isinstance(value, dict):
        raise ApiError("INVALID_ARGUMENT", "Invalid JSON payload received. The root must be an object.")
    return value


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def text_field(body: Mapping[str, Any], name: str, default: str = "") -> str:
    """A string field of a body.

    Raises:
        ApiError: it is there and no string.
    """
    value = body.get(name, default)
    if value is None:
        return default
    if not isinstance(value, str):
        raise ApiError("INVALID_ARGUMENT", f"Invalid value at '{name}': a string is needed.")
    return value


def object_field(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object field of a body; absent is empty.

    Raises:
        ApiError: it is there and no object.
    """
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ApiError("INVALID_ARGUMENT", f"Invalid value at '{name}': an object is needed.")
    return value


def count_field(body: Mapping[str, Any], name: str, default: int) -> int:
    """A non-negative int32 field of a body, which proto JSON also lets one write as a string.

    Raises:
        ApiError: it is there and no such number.
    """
    value = body.get(name)
    if value is None or value == "":
        return default
    try:
        count = int(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else -1
    except ValueError:
        count = -1
    if not 0 <= count < 2**31:
        raise ApiError("INVALID_ARGUMENT", f"Invalid value at '{name}': {value!r} is no count.")
    return count
