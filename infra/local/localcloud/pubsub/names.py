"""Resource names: which are well formed, and what they are made of."""

from __future__ import annotations

import re
from typing import Literal

from .errors import InvalidArgument

Kind = Literal["topic", "subscription", "snapshot"]

DELETED_TOPIC = "_deleted-topic_"

_PROJECT = re.compile(r"projects/([A-Za-z0-9][A-Za-z0-9._:-]{0,99})")
# Source: the `name` fields of google.pubsub.v1 Topic, Subscription and CreateSnapshotRequest.
_RESOURCE = re.compile(r"projects/([A-Za-z0-9][A-Za-z0-9._:-]{0,99})/([a-z]+)/([A-Za-z][A-Za-z0-9._~+%-]{2,254})")


def check_name(kind: Kind, name: str) -> str:
    """`name`, which is well formed for its kind.

    Raises:
        InvalidArgument: it is not `projects/P/<kind>s/ID` with an ID of 3-255 characters that does not begin with goog.
    """
    found = _RESOURCE.fullmatch(name)
    if found is None or found[2] != f"{kind}s" or found[3].startswith("goog"):
        raise InvalidArgument(f"Invalid {kind} name: {name[:300]!r}; give projects/PROJECT/{kind}s/ID")
    return name


def check_project(name: str) -> str:
    """`name`, which is `projects/PROJECT`.

    Raises:
        InvalidArgument: it is not.
    """
    if _PROJECT.fullmatch(name) is None:
        raise InvalidArgument(f"Invalid project name: {name[:300]!r}; give projects/PROJECT")
    return name


def project_of(name: str) -> str:
    """The project id within a resource name."""
    return name.split("/", 2)[1]


def id_of(name: str) -> str:
    """The last part of a resource name."""
    return name.rsplit("/", 1)[-1]
