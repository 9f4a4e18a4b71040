"""Handlers of uploads: media, multipart and resumable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from localcloud.storage.checksums import check_claims, claimed_checksums
from localcloud.storage.conditions import conditions_of
from localcloud.storage.errors import Refusal, invalid, parse_error, required
from localcloud.storage.multipart import parse_parts
from localcloud.storage.object_api import show
from localcloud.storage.objects import Version
from localcloud.storage.request import Request, check_object_name, parse_int64, parse_resource, quote_segment
from localcloud.storage.service import Service
from localcloud.storage.uploads import Plan, Session, read_chunk

CANCELLED = 499  # Source: https://cloud.google.com/storage/docs/performing-resumable-uploads#cancel-upload


def upload_method(request: Request) -> str:
    """What calls to the upload path are counted as.

    Google bills a completed resumable upload as one insert; so the request that completes it is the `objects.insert`,
    and the rest of the protocol has names of its own.
    Source: https://cloud.google.com/storage/docs/resumable-uploads
    """
    if request.verb == "DELETE":
        return "uploads.cancel"
    if request.verb == "POST":
        return "uploads.start" if request.query.get("uploadType") == "resumable" else "objects.insert"
    try:
        chunk = read_chunk(request.headers, request.body)
    except Refusal:
        return "uploads.chunk"
    if chunk.is_last and (chunk.start is not None or chunk.total == 0):
        return "objects.insert"
    return "uploads.status" if chunk.start is None else "uploads.chunk"


def upload_name(service: Service, request: Request) -> str:
    """The name of the object an upload request is about, as far as it can be told; else the empty string."""
    try:
        if "upload_id" in request.query:
            return service.uploads.get(request.query["upload_id"]).name
        name = request.query.get("name") or _stated(request).get("name")
    except Refusal:
        return ""
    return name if isinstance(name, str) else ""


def _stated(request: Request) -> dict[str, Any]:
    """The metadata a POST to the upload path states."""
    if request.query.get("uploadType") == "resumable":
        return request.resource()
    if request.query.get("uploadType") == "multipart":
        parts = parse_parts(request.headers.get("content-type", ""), request.body)
        return parse_resource(bytes(parts[0].content))
    return {}


def start_upload(service: Service, request: Request) -> Response:
    """A POST to the upload path, by its `uploadType`."""
    kinds = {"media": _insert_media, "multipart": _insert_multipart, "resumable": _open_session}
    kind = kinds.get(request.query.get("uploadType", "media"))
    if kind is None:
        raise invalid(f"Invalid value for uploadType: {request.query['uploadType']}")
    return kind(service, request)


def insert_metadata(service: Service, request: Request) -> Response:
    """A POST to the plain objects path: an empty object with metadata."""
    return _insert(service, request, request.resource(), b"")


def _insert_media(service: Service, request: Request) -> Response:
    draft = _with_query({}, request)
    if "content-type" in request.headers:
        draft["contentType"] = request.headers["content-type"]
    return _insert(service, request, draft, request.body)


def _insert_multipart(service: Service, request: Request) -> Response:
    parts = parse_parts(request.headers.get("content-type", ""), request.body)
    if len(parts) != 2:
        raise parse_error(f"A multipart upload has two parts, not {len(parts)}.")
    draft = _with_query(parse_resource(bytes(parts[0].content)), request)
    if "content-type" in parts[1].headers:
        draft.setdefault("contentType", parts[1].headers["content-type"])
    return _insert(service, request, draft, bytes(parts[1].content))


def _with_query(draft: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """`draft` with what the query states of it."""
    stated = {key: request.query[key] for key in ("name", "contentEncoding") if key in request.query}
    return {**draft, **stated}


def _insert(service: Service, request: Request, draft: Mapping[str, Any], body: bytes) -> Response:
    name = check_object_name(draft.get("name"))
    service.bucket_to_write(request, name)
    return show(
        request, _create(service, request, name, Plan(draft=dict(draft), conditions=conditions_of(request)), body)
    )


def _create(service: Service, request: Request, name: str, plan: Plan, body: bytes) -> Version:
    bucket = service.buckets.get(request.bucket)
    content = service.keep(body)
    check_claims(content, claimed_checksums(plan.draft, request.headers))
    with service.state.transaction():
        version = service.objects.create(bucket, name, plan.draft, content, plan.conditions)
        service.identity.object_created(request.caller, bucket.name, name)
    return version


def _open_session(service: Service, request: Request) -> Response:
    draft = _with_query(request.resource(), request)
    name = check_object_name(draft.get("name"))
    bucket = service.bucket_to_write(request, name)
    conditions = conditions_of(request)
    conditions.check(service.objects.live(bucket.name, name))
    if "x-upload-content-type" in request.headers:
        draft.setdefault("contentType", request.headers["x-upload-content-type"])
    length = request.headers.get("x-upload-content-length")
    length_bytes = None if length is None else parse_int64("X-Upload-Content-Length", length)
    plan = Plan(draft=draft, conditions=conditions, length_bytes=length_bytes)
    upload_id = service.uploads.open(bucket.name, name, plan)
    path = f"/upload/storage/v1/b/{quote_segment(bucket.name)}/o"
    location = f"{request.base_url}{path}?uploadType=resumable&name={quote_segment(name)}&upload_id={upload_id}"
    return Response(headers={"location": location, "x-guploader-uploadid": upload_id})


def continue_upload(service: Service, request: Request) -> Response:
    """A PUT to a session: a chunk, the last one, or the question how far it has come."""
    session = _session(service, request)
    if session.generation is not None:
        return show(request, service.objects.find(session.bucket, session.name, session.generation))
    chunk = read_chunk(request.headers, request.body)
    session = service.uploads.append(session, chunk)
    if chunk.total is None or session.received_bytes != chunk.total:
        return _incomplete(session)
    return show(request, _complete(service, request, session))


def cancel_upload(service: Service, request: Request) -> Response:
    """A DELETE of a session."""
    service.uploads.cancel(_session(service, request))
    return Response(status_code=CANCELLED)


def _session(service: Service, request: Request) -> Session:
    upload_id = request.query.get("upload_id")
    if not upload_id:
        raise required("Required parameter: upload_id")
    session = service.uploads.get(upload_id)
    if session.bucket != request.bucket:
        raise invalid("The upload belongs to another bucket.")
    return session


def _complete(service: Service, request: Request, session: Session) -> Version:
    """The object exists afterwards and the session knows its generation: both or neither."""
    content = service.uploads.content(session)
    with service.state.transaction():
        version = _create(service, request, session.name, session.plan, content)
        service.uploads.finish(session, version.generation)
    return version


def _incomplete(session: Session) -> Response:
    headers = {"range": f"bytes=0-{session.received_bytes - 1}"} if session.received_bytes else {}
    return Response(status_code=308, headers=headers)
