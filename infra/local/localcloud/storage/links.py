"""The links inside resources: made when shown, as they name the server that shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.storage.request import quote_segment

PUBLIC_URL = "https://storage.googleapis.com"  # what events carry, wherever this server listens


def with_links(resource: Mapping[str, Any], base_url: str) -> dict[str, Any]:
    """The object's resource as the server at `base_url` shows it."""
    path = f"storage/v1/b/{resource['bucket']}/o/{quote_segment(resource['name'])}"
    media = f"{base_url}/download/{path}?generation={resource['generation']}&alt=media"
    return {**resource, "selfLink": f"{base_url}/{path}", "mediaLink": media}


def with_bucket_link(resource: Mapping[str, Any], base_url: str) -> dict[str, Any]:
    """The bucket's resource as the server at `base_url` shows it."""
    return {**resource, "selfLink": f"{base_url}/storage/v1/b/{resource['name']}"}
