"""`/batch/storage/v1`: many small calls in one request, each counted, refused and answered on its own."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import urlsplit

import msgspec
from starlette.responses import Response

from localcloud.faulty import HangUp
from localcloud.storage.errors import parse_error
from localcloud.storage.multipart import Part, parse_headers, parse_parts
from localcloud.storage.request import Request

MAX_CALLS = 1000  # what the Python client sends at most; the service itself asks for 100

Handle = Callable[[Request], Awaitable[Response]]


async def answer_batch(request: Request, handle: Handle) -> Response:
    """The calls are made in order; their answers come back in the same order.

    A planned hang-up of one call hangs up on the whole batch, as they share the connection.

    Raises:
        Refusal: 400, the body is no batch.
    """
    parts = parse_parts(request.headers.get("content-type", ""), request.body)
    if len(parts) > MAX_CALLS:
        raise parse_error(f"The batch has {len(parts)} calls; {MAX_CALLS} are allowed.")
    calls = [_inner_request(request, part) for part in parts]
    answers: list[bytes] = []
    for number, (call, part) in enumerate(zip(calls, parts, strict=True), start=1):
        response = await handle(call)
        if isinstance(response, HangUp):
            return response
        answers.append(_show(response, part.headers.get("content-id", f"<{number}>")))
    boundary = f"batch_{secrets.token_hex(12)}"
    lines = b"".join(b"--" + boundary.encode() + b"\r\n" + answer + b"\r\n" for answer in answers)
    body = lines + b"--" + boundary.encode() + b"--\r\n"
    return Response(body, media_type=f"multipart/mixed; boundary={boundary}")


def _inner_request(outer: Request, part: Part) -> Request:
    head, _, body = bytes(part.content).replace(b"\r\n", b"\n").partition(b"\n\n")
    line, _, header_lines = head.partition(b"\n")
    words = line.decode("latin-1").split()
    if len(words) != 3:
        raise parse_error("Failed to parse batch request: a part does not begin with a request line.")
    try:
        target = urlsplit(words[1])
    except ValueError:
        raise parse_error("Failed to parse batch request: a part asks for no address.") from None
    headers = parse_headers(header_lines)
    if "authorization" in outer.headers:
        headers.setdefault("authorization", outer.headers["authorization"])
    length = headers.get("content-length", "")
    body = body[: int(length)] if length.isdecimal() else body.strip()
    return msgspec.structs.replace(
        outer, verb=words[0], path=target.path, query_string=target.query, headers=headers, body=body
    )


def _show(response: Response, content_id: str) -> bytes:
    phrase = HTTPStatus(response.status_code).phrase
    kept = {name: value for name, value in response.headers.items() if name in {"content-type", "etag"}}
    head = {**kept, "content-length": str(len(response.body))}
    lines = [
        "content-type: application/http",
        f"content-id: <response-{content_id.strip('<>')}>",
        "",
        f"HTTP/1.1 {response.status_code} {phrase}",
        *(f"{name}: {value}" for name, value in head.items()),
        "",
        "",
    ]
    return "\r\n".join(lines).encode("latin-1", "replace") + bytes(response.body)
