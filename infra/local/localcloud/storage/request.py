"""One API request as a plain value, whether it came alone or inside a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, unquote_to_bytes

import msgspec

from localcloud.storage.errors import Refusal, invalid, parse_error, required

MAX_NAME_BYTES = 1024  # Source: https://cloud.google.com/storage/docs/objects#naming


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked. `path` is still percent-encoded; `params` are the decoded parts of it that the route names."""

    verb: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes
    base_url: str
    caller: str = ""
    query: Mapping[str, str] = {}  # of a parameter given twice, the last; see `repeated`
    params: Mapping[str, str] = {}

    @property
    def bucket(self) -> str:
        """The bucket the path names."""
        return self.params["bucket"]

    @property
    def object_name(self) -> str:
        """The object the path names."""
        return self.params["object"]

    @property
    def wants_media(self) -> bool:
        """Whether the object's bytes are asked for rather than its resource."""
        return self.query.get("alt") == "media"

    def integer(self, name: str) -> int | None:
        """The query parameter as a number, `None` when absent.

        Raises:
            Refusal: 400, it is no 64-bit integer.
        """
        text = self.query.get(name)
        return None if text is None else parse_int64(name, text)

    def is_set(self, name: str) -> bool:
        """Whether the query parameter says `true`."""
        return self.query.get(name, "").lower() == "true"

    def repeated(self, name: str) -> list[str]:
        """All values of a query parameter that may be given several times."""
        return parse_qs(self.query_string).get(name, [])

    def resource(self) -> dict[str, Any]:
        """The body as a JSON object; empty when there is none."""
        return parse_resource(self.body)


def parse_int64(name: str, text: str) -> int:
    """The number `text` says.

    Raises:
        Refusal: 400, it is no 64-bit integer.
    """
    try:
        number = int(text)
    except ValueError:
        raise invalid(f"Invalid value for {name}: {text!r} is not a number.") from None
    if not (text.isascii() and -(2**63) <= number < 2**63):
        raise invalid(f"Invalid value for {name}: {text!r} is out of range.")
    return number


def parse_resource(body: bytes | memoryview) -> dict[str, Any]:
    """The JSON object in `body`, empty when there are no bytes.

    Raises:
        Refusal: 400, it is no JSON or no object.
    """
    if not len(body):
        return {}
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise parse_error(f"Parse Error: {error}") from None
    if not isinstance(value, dict):
        raise parse_error("Parse Error: the body is not a JSON object.")
    return value


def parse_query(query_string: str) -> dict[str, str]:
    """The query string as a mapping; of a parameter given twice the last one counts.

    Raises:
        Refusal: 400, it is no UTF-8, or has absurdly many parameters.
    """
    try:
        return dict(parse_qsl(query_string, keep_blank_values=True, errors="strict", max_num_fields=1000))
    except ValueError:
        raise invalid("The query string is not valid UTF-8.") from None


def decode_segment(segment: str) -> str:
    """One percent-encoded path segment as text.

    Raises:
        Refusal: 400, its bytes are no UTF-8.
    """
    try:
        return unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        raise invalid("The path is not valid UTF-8.") from None


def quote_segment(name: str) -> str:
    """`name` as one path segment."""
    return quote(name, safe="")


def check_object_name(name: object) -> str:
    """`name`, when the service would take it for a new object.

    Raises:
        Refusal: 400, empty, too long, `.` or `..`, or with a line break.
    """
    if name is None or name == "":
        raise required("Required")
    fault = _name_fault(name)
    if fault is not None:
        raise fault
    assert isinstance(name, str)
    return name


def _name_fault(name: object) -> Refusal | None:
    if not isinstance(name, str):
        return invalid("Invalid object name: not a string.")
    try:
        size_bytes = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return invalid("Disallowed unicode characters present in object name.")
    if size_bytes > MAX_NAME_BYTES:
        return invalid(
            "The maximum object length is 1024 characters, but got a name with "
            f"{size_bytes} characters: '{name[:40]}'..."
        )
    if name in {".", ".."} or "\r" in name or "\n" in name or name.startswith(".well-known/acme-challenge/"):
        return invalid(f"Disallowed unicode characters present in object name '{name}'")
    return None
