"""How things are called: typed names, and where each object lies in the four buckets."""

from __future__ import annotations

import enum
import re
from typing import NewType

import msgspec

from dagwarden.errors import InvalidInput

EnvironmentName = NewType("EnvironmentName", str)
PushId = NewType("PushId", str)
"""sha256, in hex, of the canonical push.json."""
ReleaseNumber = NewType("ReleaseNumber", int)
"""1, 2, 3 … of one environment; 0 stands for the empty tree before the first release."""
Digest = NewType("Digest", str)
"""A sha256 in 64 lower-case hex digits."""
ReleasePath = NewType("ReleasePath", str)
"""A file's path inside a release: starts with `dags/` or `plugins/`, `/` between parts."""

ZIP = ".zip/"
"""What a path goes through that is of a file within a zip file."""

FOLDERS = ("dags", "plugins")
"""The top-level folders a release may hold, as Composer's bucket has them."""

NO_RELEASE = ReleaseNumber(0)
"""The number of the empty tree before release 1."""

NO_PARENT = Digest("0" * 64)
"""The parent digest of release 1."""


class Component(enum.StrEnum):
    """One kind of process of an Airflow deployment."""

    SCHEDULER = "scheduler"
    DAG_PROCESSOR = "dag_processor"
    WORKER = "worker"
    TRIGGERER = "triggerer"
    WEBSERVER = "webserver"


BUCKET_COMPONENT = "bucket"
"""What stands in place of a component in the mirror's receipts: the environment's bucket is a projection too."""

COMPONENT_FOLDERS: dict[Component, tuple[str, ...]] = {
    Component.SCHEDULER: ("dags", "plugins"),
    Component.DAG_PROCESSOR: ("dags", "plugins"),
    Component.WORKER: ("dags", "plugins"),
    Component.TRIGGERER: ("dags", "plugins"),
    Component.WEBSERVER: ("plugins",),
}
"""Which folders an instance needs: the web server reads serialized DAGs from the database, so it gets no DAG code."""

_ENVIRONMENT = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_INSTANCE = re.compile(r"[A-Za-z0-9]([-._A-Za-z0-9]{0,126}[A-Za-z0-9])?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PUSH_OBJECT = re.compile(r"([^/]+)/pushes/([0-9a-f]{64})\.tar\.gz")
_APPROVAL_OBJECT = re.compile(r"([^/]+)/approvals/([0-9a-f]{64})/[^/]+\.json")
_RELEASE_OBJECT = re.compile(r"([^/]+)/releases/(\d{10})\.json")


def parse_environment(text: str) -> EnvironmentName:
    """The environment's name: letters a-z, digits and hyphens, as Composer names environments (at most 63).

    Raises:
        InvalidInput: it is none.
    """
    if not _ENVIRONMENT.fullmatch(text):
        raise InvalidInput(
            f"{text!r} is no environment name",
            operation="parse name",
            hint="use a-z, 0-9 and hyphens, starting with a letter, at most 63 characters",
        )
    return EnvironmentName(text)


def parse_instance(text: str) -> str:
    """An instance's name, safe in object names and subscription names.

    Raises:
        InvalidInput: it is none.
    """
    if not _INSTANCE.fullmatch(text):
        raise InvalidInput(f"{text!r} is no instance name", operation="parse name", hint="use letters, digits, . _ -")
    return text


def parse_digest(text: str) -> Digest:
    """A sha256 in hex.

    Raises:
        InvalidInput: it is none.
    """
    if not _DIGEST.fullmatch(text):
        raise InvalidInput(f"{text!r} is no sha256 in hex", operation="parse digest")
    return Digest(text)


def owner_of(path: str) -> ReleasePath:
    """The file of the release that a path is of: of `dags/x.zip/first.py` it is the zip file.

    >>> owner_of("dags/x.zip/first.py"), owner_of("dags/a.py")
    ('dags/x.zip', 'dags/a.py')
    """
    head, zipped, _ = path.partition(ZIP)
    return ReleasePath(head + zipped.rstrip("/"))


def audience(environment: EnvironmentName) -> str:
    """Whom an attestation is for: it is good for one environment."""
    return f"dagwarden:{environment}"


def approval_audience(environment: EnvironmentName) -> str:
    """Whom an approval is for: never the same as an attestation, so that neither passes for the other."""
    return f"{audience(environment)}:approval"


# ---- inbox -------------------------------------------------------------------------------------------------------


class PushObject(msgspec.Struct, frozen=True):
    """An inbox object that holds a whole push."""

    environment: EnvironmentName
    push_id: PushId


class RawDrop(msgspec.Struct, frozen=True):
    """An inbox object that is itself one file of the release-to-be."""

    environment: EnvironmentName
    path: ReleasePath


def push_object(environment: EnvironmentName, push_id: PushId) -> str:
    """Where a push lies in the inbox."""
    return f"{environment}/pushes/{push_id}.tar.gz"


def parse_inbox_object(name: str) -> PushObject | RawDrop | None:
    """What an inbox object is by its name; None when it is nothing of ours (it starts nothing)."""
    if match := _PUSH_OBJECT.fullmatch(name):
        if _ENVIRONMENT.fullmatch(match[1]):
            return PushObject(EnvironmentName(match[1]), PushId(match[2]))
        return None
    environment, _, path = name.partition("/")
    if _ENVIRONMENT.fullmatch(environment) and path.startswith(tuple(f"{folder}/" for folder in FOLDERS)):
        return RawDrop(EnvironmentName(environment), ReleasePath(path))
    return None


class ApprovalObject(msgspec.Struct, frozen=True):
    """An inbox object that approves a push."""

    environment: EnvironmentName
    push_id: PushId


def approvals_prefix(environment: EnvironmentName, push_id: PushId) -> str:
    """All approvals of one push lie in the inbox under this prefix."""
    return f"{environment}/approvals/{push_id}/"


def approval_object(environment: EnvironmentName, push_id: PushId, nonce: str) -> str:
    """Where one approval of a push lies in the inbox; each has a name of its own, so nobody can take another's."""
    return f"{approvals_prefix(environment, push_id)}{nonce}.json"


def parse_approval_object(name: str) -> ApprovalObject | None:
    """The push that an inbox object approves; None when it is no approval."""
    match = _APPROVAL_OBJECT.fullmatch(name)
    if match is None or not _ENVIRONMENT.fullmatch(match[1]):
        return None
    return ApprovalObject(EnvironmentName(match[1]), PushId(match[2]))


# ---- ledger ------------------------------------------------------------------------------------------------------


def releases_prefix(environment: EnvironmentName) -> str:
    """All releases of one environment lie under this prefix, in order."""
    return f"{environment}/releases/"


def release_object(environment: EnvironmentName, number: ReleaseNumber) -> str:
    """Where a release's signed record lies in the ledger bucket."""
    return f"{environment}/releases/{number:010d}.json"


def parse_release_object(name: str) -> tuple[EnvironmentName, ReleaseNumber] | None:
    """The environment and number a ledger object stands for; None when it is no release."""
    match = _RELEASE_OBJECT.fullmatch(name)
    if match is None or not _ENVIRONMENT.fullmatch(match[1]):
        return None
    return EnvironmentName(match[1]), ReleaseNumber(int(match[2]))


# ---- store -------------------------------------------------------------------------------------------------------


def delta_object(environment: EnvironmentName, digest: Digest) -> str:
    """The archive of what one release changed, named by its content."""
    return f"{environment}/deltas/{digest}.tar.gz"


def snapshot_state_object(environment: EnvironmentName, number: ReleaseNumber) -> str:
    """The folded state of the ledger at one release (file table, sources, pushes)."""
    return f"{environment}/snapshots/{number:010d}.json"


def snapshot_archive_object(environment: EnvironmentName, number: ReleaseNumber) -> str:
    """All files of one release."""
    return f"{environment}/snapshots/{number:010d}.tar.gz"


def verdict_object(environment: EnvironmentName, push_id: PushId) -> str:
    """The one verdict on a push."""
    return f"{environment}/verdicts/{push_id}.json"


def held_prefix(environment: EnvironmentName) -> str:
    """Under it lies what was ever held in one environment, whatever became of it."""
    return f"{environment}/held/"


def held_object(environment: EnvironmentName, push_id: PushId, step: int = 0) -> str:
    """What a push that waits for approvals waits for: as the gate found first, then as often as it changed."""
    return f"{held_prefix(environment)}{push_id}/{step:06d}.json"


def claim_object(environment: EnvironmentName, push_id: PushId, index: int) -> str:
    """What gates that handle one push at the same time agree by: the claims on it, counted from 0."""
    return f"{environment}/claims/{push_id}/{index:04d}.json"


def status_prefix(environment: EnvironmentName) -> str:
    """All status objects of one environment lie under this prefix."""
    return f"{environment}/status/"


def status_object(environment: EnvironmentName, component: str, instance: str) -> str:
    """What one instance runs, as its receipts told."""
    return f"{environment}/status/{component}/{instance}.json"


def environment_object(environment: EnvironmentName) -> str:
    """environment.yaml of one environment."""
    return f"{environment}/environment.yaml"


def policy_object(environment: EnvironmentName) -> str:
    """policy.yaml of one environment."""
    return f"{environment}/policy.yaml"


def own_rules_prefix(environment: EnvironmentName, folder: str) -> str:
    """What the names of an environment's own rule files start with; `folder` is the policy's `lint.rules`."""
    return f"{environment}/{folder}/"


# ---- Pub/Sub -----------------------------------------------------------------------------------------------------


def agent_subscription(environment: EnvironmentName, component: Component, instance: str) -> str:
    """The subscription id of one instance."""
    return f"dagwarden-{environment}-{component}-{instance}"


def notice_filter(environment: EnvironmentName, component: Component) -> str:
    """The Pub/Sub filter that lets one component class of one environment through."""
    return f'attributes.environment = "{environment}" AND attributes.component = "{component}"'


def trace_id(push_id: PushId) -> str:
    """The W3C trace id (32 hex digits) of all that follows from one push: its first half, so nobody must carry it."""
    return push_id[:32]
