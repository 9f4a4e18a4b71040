"""What one service of the local cloud may ask of another: the seams between storage, Pub/Sub, IAM and Eventarc."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Broker(Protocol):
    """Pub/Sub, as the other services use it."""

    def publish(self, topic: str, data: bytes, attributes: Mapping[str, str], ordering_key: str = "") -> str:
        """Publish inside the transaction under way; returns the message id.

        Args:
            topic: full name, `projects/P/topics/T`.

        Raises:
            KeyError: there is no such topic.
        """


class ObjectEvents(Protocol):
    """Who is told, inside the storage transaction, that an object came, went or changed (Eventarc)."""

    def emit(self, event_type: str, resource: Mapping[str, Any]) -> None:
        """Take one event.

        Args:
            event_type: `finalized`, `deleted`, `archived` or `metadataUpdated`.
            resource: the object's JSON API resource at that moment (strings for generation, size, metageneration).
        """


ANONYMOUS = "anonymous"
"""The caller of a request without a bearer token."""

UNKNOWN = "unknown"
"""The caller of a request whose bearer token is unknown or expired; is allowed nothing. Answer it with 401."""


class Identity(Protocol):
    """Who calls, and what they may."""

    def caller(self, headers: Mapping[str, str]) -> str:
        """The service account's e-mail behind the bearer token, ANONYMOUS without one, UNKNOWN for a bad one.

        Keys of `headers` are lower case.
        """

    def is_allowed(self, caller: str, permission: str, bucket: str, object_name: str = "") -> bool:
        """Whether `caller` holds `permission` (e.g. `storage.objects.create`) on `bucket`, or on one object in it.

        `object_name` matters to bindings with a condition on `resource.name`; pass it wherever the call names one.
        Anonymous callers are taken as the machine's owner and may do all, as with every Google emulator.
        """

    def bucket_changed(self, caller: str, bucket: str, method: str) -> None:
        """Write the admin-activity audit entry of `storage.buckets.create` or `.update`, inside the transaction.

        Args:
            method: `create` or `update`.
        """

    def object_created(self, caller: str, bucket: str, name: str) -> None:
        """Write the Data Access audit entry of `storage.objects.create`, inside the transaction, where it is wanted."""

    def bucket_policy_changed(
        self, caller: str, bucket: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        """Write the admin-activity audit entry of `storage.setIamPermissions`; call it inside the storage transaction.

        Args:
            before: the IAM policy that was (`{"bindings": [...]}`).
            after: the IAM policy that is.
        """
