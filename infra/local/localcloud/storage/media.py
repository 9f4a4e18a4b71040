"""An object's bytes as an HTTP answer: whole, in part, or unpacked."""

from __future__ import annotations

import re
import zlib
from email.utils import format_datetime

from starlette.responses import Response

from localcloud.storage.clock import parse_stamp
from localcloud.storage.errors import range_not_satisfiable
from localcloud.storage.objects import Version
from localcloud.storage.request import Request

_RANGE = re.compile(r"(\d{0,18})-(\d{0,18})", re.ASCII)


def media_response(request: Request, version: Version, content: bytes) -> Response:
    """The bytes asked for: 200, or 206 with a range; gzip content is unpacked for who does not accept gzip.

    Raises:
        Refusal: 416, the range lies outside.
    """
    headers = _headers(version)
    if version.resource.get("contentEncoding") == "gzip" and not _accepts_gzip(request):
        unpacked = _unpack(content)
        if unpacked is not None:  # ranges are ignored then, as the real service does
            del headers["content-encoding"]
            return Response(unpacked, headers=headers | {"warning": "214 UploadServer gunzipped"})
    span = read_range(request.headers.get("range"), len(content))
    if span is None:
        return Response(content, headers=headers)
    first, end = span
    headers["content-range"] = f"bytes {first}-{end - 1}/{len(content)}"
    return Response(memoryview(content)[first:end], 206, headers=headers)


def read_range(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """First byte and end (exclusive) of the range asked for; `None` for everything.

    Several ranges at once, and units other than bytes, are ignored as HTTP allows.

    Raises:
        Refusal: 416, no byte of the content lies in it, or it runs backwards.
    """
    unit, _, spec = (header or "").partition("=")
    if unit.strip().lower() != "bytes" or "," in spec:
        return None
    match = _RANGE.fullmatch(spec.strip())
    if match is None or match[0] == "-":
        raise range_not_satisfiable(size_bytes)
    first, last = match.groups()
    if first == "":
        start, end = max(0, size_bytes - int(last)), size_bytes
    else:
        start = int(first)
        end = size_bytes if last == "" else min(int(last) + 1, size_bytes)
    if start >= end:
        raise range_not_satisfiable(size_bytes)
    return start, end


def _headers(version: Version) -> dict[str, str]:
    resource = version.resource
    hashes = [f"crc32c={resource['crc32c']}"]
    if "md5Hash" in resource:
        hashes.append(f"md5={resource['md5Hash']}")
    headers = {
        "content-type": _as_header(resource["contentType"]),
        "etag": version.etag,
        "last-modified": format_datetime(parse_stamp(resource["updated"]), usegmt=True),
        "x-goog-generation": resource["generation"],
        "x-goog-metageneration": resource["metageneration"],
        "x-goog-hash": ",".join(hashes),
        "x-goog-storage-class": resource["storageClass"],
        "x-goog-stored-content-length": resource["size"],
        "x-goog-stored-content-encoding": resource.get("contentEncoding", "identity"),
        "accept-ranges": "bytes",
    }
    for field, header in _PASSED_ON.items():
        if field in resource:
            headers[header] = _as_header(resource[field])
    return headers


_PASSED_ON = {
    "cacheControl": "cache-control",
    "contentDisposition": "content-disposition",
    "contentEncoding": "content-encoding",
    "contentLanguage": "content-language",
}


def _as_header(value: str) -> str:
    """`value` as a header can carry it: latin-1, one line."""
    return "".join(c if c.isprintable() else " " for c in value).encode("latin-1", "replace").decode("latin-1")


def _accepts_gzip(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "").lower()


def _unpack(content: bytes) -> bytes | None:
    try:
        return zlib.decompress(content, wbits=31)
    except zlib.error:
        return None
