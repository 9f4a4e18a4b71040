"""Handlers of the objects collection, but for uploads."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from localcloud.storage.buckets import Bucket
from localcloud.storage.checksums import Content, crc32c_of
from localcloud.storage.conditions import Conditions, conditions_of
from localcloud.storage.errors import invalid, required
from localcloud.storage.links import with_links
from localcloud.storage.listing import MAX_PAGE, Listing, list_page
from localcloud.storage.media import media_response
from localcloud.storage.objects import Version
from localcloud.storage.request import Request, check_object_name, parse_int64
from localcloud.storage.service import Service, json_response, no_content

MAX_SOURCES = 32  # Source: https://cloud.google.com/storage/quotas#objects (components of one compose request)


def show(request: Request, version: Version) -> Response:
    """The version's resource as an answer."""
    return json_response(with_links(version.resource, request.base_url))


def read_object(service: Service, request: Request) -> Response:
    """`objects.get`: the resource, or the bytes with `alt=media`."""
    bucket = service.bucket_for(request, "storage.objects.get", request.object_name)
    version = service.objects.find(bucket.name, request.object_name, request.integer("generation"))
    conditions_of(request).check(version, reading=True)
    if not request.wants_media:
        return show(request, version)
    return media_response(request, version, service.state.blobs.get(version.blob))


def list_objects(service: Service, request: Request) -> Response:
    """`objects.list`."""
    bucket = service.bucket_for(request, "storage.objects.list")
    query = request.query
    page_size = request.integer("maxResults")
    if page_size is not None and page_size < 0:
        raise invalid(f"Invalid unsigned integer value: '{page_size}'.")
    listing = Listing(
        bucket=bucket.name,
        prefix=query.get("prefix", ""),
        delimiter=query.get("delimiter", ""),
        start_offset=query.get("startOffset", ""),
        end_offset=query.get("endOffset", ""),
        match_glob=query.get("matchGlob", ""),
        versions=request.is_set("versions"),
        include_trailing_delimiter=request.is_set("includeTrailingDelimiter"),
        page_size=min(page_size or MAX_PAGE, MAX_PAGE),
        page_token=query.get("pageToken", ""),
    )
    page = list_page(service.state.db, listing)
    answer: dict[str, Any] = {"kind": "storage#objects"}
    if page.next_token is not None:
        answer["nextPageToken"] = page.next_token
    if page.prefixes:
        answer["prefixes"] = page.prefixes
    if page.items:
        answer["items"] = [with_links(msgspec.json.decode(item), request.base_url) for item in page.items]
    return json_response(answer)


def delete_object(service: Service, request: Request) -> Response:
    """`objects.delete`."""
    bucket = service.bucket_for(request, "storage.objects.delete", request.object_name)
    service.objects.delete(bucket, request.object_name, request.integer("generation"), conditions_of(request))
    return no_content()


def patch_object(service: Service, request: Request) -> Response:
    """`objects.patch`."""
    return _change(service, request, replace=False)


def update_object(service: Service, request: Request) -> Response:
    """`objects.update`."""
    return _change(service, request, replace=True)


def _change(service: Service, request: Request, *, replace: bool) -> Response:
    bucket = service.bucket_for(request, "storage.objects.update", request.object_name)
    changed = service.objects.change(
        bucket,
        request.object_name,
        request.integer("generation"),
        request.resource(),
        conditions_of(request),
        replace=replace,
    )
    return show(request, changed)


def rewrite_object(service: Service, request: Request) -> Response:
    """`objects.rewrite`; done in one call whatever the size, so no token is ever given."""
    version = _copy(service, request)
    size = version.resource["size"]
    return json_response({
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": size,
        "objectSize": size,
        "done": True,
        "resource": with_links(version.resource, request.base_url),
    })  # fmt: skip


def copy_object(service: Service, request: Request) -> Response:
    """`objects.copy`."""
    return show(request, _copy(service, request))


def _copy(service: Service, request: Request) -> Version:
    """Copies source to target; what the body states of metadata replaces the source's."""
    source = _source(service, request, request.integer("sourceGeneration"))
    name = check_object_name(request.params["to_object"])
    target = service.bucket_to_write(request, name, request.params["to_bucket"])
    draft = {**source.resource, **request.resource()}
    if target.name != source.bucket:
        draft.pop("storageClass", None)
    draft = {key: value for key, value in draft.items() if key not in {"temporaryHold", "eventBasedHold"}}
    return service.objects.create(target, name, draft, source.content, conditions_of(request))


def _source(service: Service, request: Request, generation: int | None) -> Version:
    bucket = service.bucket_for(request, "storage.objects.get", request.object_name)
    source = service.objects.find(bucket.name, request.object_name, generation)
    conditions_of(request, "ifSource").check(source)
    return source


def move_object(service: Service, request: Request) -> Response:
    """`objects.move`: a rename within the bucket, in one step."""
    name = check_object_name(request.params["to_object"])
    bucket = service.bucket_to_write(request, name)
    source = _source(service, request, None)
    service.require(request, "storage.objects.delete", bucket.name, source.name)
    moved = service.objects.move(bucket, source, name, conditions_of(request))
    return show(request, moved)


def compose_object(service: Service, request: Request) -> Response:
    """`objects.compose`."""
    body = request.resource()
    name = check_object_name(request.object_name)
    bucket = service.bucket_to_write(request, name)
    sources = body.get("sourceObjects")
    if not isinstance(sources, list) or not sources or not all(isinstance(source, dict) for source in sources):
        raise required("You must provide at least one source component.")
    if len(sources) > MAX_SOURCES:
        raise invalid(f"The number of source components provided ({len(sources)}) exceeds the maximum ({MAX_SOURCES})")
    versions = [_component(service, request, bucket, source) for source in sources]
    draft = body.get("destination") or {}
    if not isinstance(draft, dict):
        raise invalid("Invalid value for: destination")
    composed = service.objects.create(bucket, name, draft, _joined(service, versions), conditions_of(request))
    return show(request, composed)


def _component(service: Service, request: Request, bucket: Bucket, source: dict[str, Any]) -> Version:
    name = source.get("name")
    if not isinstance(name, str):
        raise required("Required: sourceObjects[].name")
    service.require(request, "storage.objects.get", bucket.name, name)
    generation = source.get("generation")
    wanted = None if generation is None else parse_int64("generation", str(generation))
    version = service.objects.find(bucket.name, name, wanted)
    conditions = source.get("objectPreconditions") or {}
    if not isinstance(conditions, dict):
        raise invalid("Invalid value for: sourceObjects[].objectPreconditions")
    expected = conditions.get("ifGenerationMatch")
    if expected is not None:
        Conditions(generation=parse_int64("ifGenerationMatch", str(expected))).check(version)
    return version


def _joined(service: Service, versions: list[Version]) -> Content:
    content = b"".join(service.state.blobs.get(version.blob) for version in versions)
    return Content(
        blob=service.state.blobs.put(content),
        size_bytes=len(content),
        crc32c=crc32c_of(content),
        md5=None,  # Source: https://cloud.google.com/storage/docs/composed-objects (composite objects have no MD5)
        component_count=sum(version.content.component_count or 1 for version in versions),
    )
