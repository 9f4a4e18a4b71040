"""CloudEvents and Pub/Sub messages become frozen values; nothing here reads or writes anything.

Any JSON comes out as a value or as `InvalidInput`.
"""

from dagwarden.events.audit_logs import AuditLogEvent, read_audit_log_event
from dagwarden.events.messages import PubsubEvent, read_pubsub_event
from dagwarden.events.objects import ObjectEvent, ObjectEventKind, read_notification, read_object_event

__all__ = [
    "AuditLogEvent",
    "ObjectEvent",
    "ObjectEventKind",
    "PubsubEvent",
    "read_audit_log_event",
    "read_notification",
    "read_object_event",
    "read_pubsub_event",
]
