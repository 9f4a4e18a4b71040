"""What changes a policy in force: `policy apply`, `policy restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from dagwarden.cli.linting.findings import print_note
from dagwarden.cli.options import Connection, EnvironmentOption, JsonOption, connect
from dagwarden.cli.output import print_json, print_line
from dagwarden.errors import DagwardenError, InvalidInput, NotFound
from dagwarden.names import EnvironmentName, environment_object, policy_object

if TYPE_CHECKING:
    from dagwarden.audit.entry import AuditEntry
    from dagwarden.audit.write import AuditWriter

NEEDS = ("project", "store_bucket")
FileArgument = Annotated[Path, typer.Argument(help="policy.yaml or environment.yaml", show_default=False)]
MessageOption = Annotated[str, typer.Option("--message", "-m", help="Why, for the record.", show_default=False)]


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints of a policy that was applied."""

    resource: str
    digest: str
    generation: int
    generation_before: int
    """Of what it replaced; 0 when there was nothing."""
    is_changed: bool


def apply(
    file: FileArgument,
    environment: EnvironmentOption = None,
    message: MessageOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make a checked policy the one in force. What it replaces stays in the bucket and can be restored.

    Exit code 1 when it may not be applied; 3 when somebody else applied another one meanwhile.
    """
    content = _read(file)
    name = _find_object(content, connection := connect(environment, *NEEDS), str(file))
    _tell(write_policy(connection, name, content, message), as_json)


def restore(
    generation: Annotated[int, typer.Argument(min=1, help="Of policy.yaml, as `policy apply` and the audit log say.")],
    environment: EnvironmentOption = None,
    message: MessageOption = "",
    as_json: JsonOption = False,
) -> None:
    """Bring back an earlier policy.yaml: it is checked, audited and applied like a new one."""
    connection = connect(environment, *NEEDS)
    name = policy_object(connection.environment)
    content = connection.cloud.store.read(name, generation)
    _find_object(content, connection, f"{name}#{generation}")
    _tell(write_policy(connection, name, content, message or f"restores generation {generation}"), as_json)


def write_policy(connection: Connection, name: str, content: bytes, message: str) -> Applied:
    """The content is in force afterwards, and the audit log has said so before.

    Raises:
        PreconditionFailed: somebody else applied another one meanwhile.
    """
    from dagwarden.audit.entries import policy_applied
    from dagwarden.audit.write import AuditWriter
    from dagwarden.cloud.identity import utc_now
    from dagwarden.wire import digest

    cloud, before = connection.cloud, None
    info = cloud.store.stat(name)
    if info is not None:
        before = digest(cloud.store.read(name, info.generation))
    standing = 0 if info is None else info.generation
    resource, said = f"gs://{cloud.store.name}/{name}", digest(content)
    if before == said:
        return Applied(
            resource=resource, digest=said, generation=standing, generation_before=standing, is_changed=False
        )
    entry = policy_applied(
        environment=connection.environment,
        resource=resource,
        who=cloud.service_account,
        digest=said,
        before=before,
        generation=standing,
        message=message,
        at=utc_now(),
    )
    audit = AuditWriter(cloud)
    audit.write(entry)
    try:
        written = cloud.store.write(name, content, generation=standing, content_type="application/yaml")
    except DagwardenError as error:
        _end(audit, entry, error=str(error))
        raise
    _end(audit, entry)
    return Applied(
        resource=resource, digest=said, generation=written.generation, generation_before=standing, is_changed=True
    )


def _end(audit: AuditWriter, begun: AuditEntry, *, error: str = "") -> None:
    """The audit log says how it ended; where it takes no entry, this command does."""
    from dagwarden.audit.entries import policy_applied_ended
    from dagwarden.cloud.identity import utc_now

    try:
        audit.write(policy_applied_ended(begun, error=error, at=utc_now()))
    except DagwardenError as refused:
        ended = "is not in force" if error else "is in force"
        print_note(f"the audit log says that it was about to be applied, and not that it {ended}: {refused}")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(error.strerror or "cannot be read", operation="read policy", subject=str(file)) from error


def _find_object(content: bytes, connection: Connection, told: str) -> str:
    """Where content of its kind lies, once it is found to be sound; else every fault is told and the verb ends.

    Args:
        told: what the content is called in faults.
    """
    from dagwarden.policy.environment import load_environment
    from dagwarden.policy.load import load_policy

    try:
        if b"kind: Environment" in content:
            _check_name(load_environment(content, told).name, connection.environment)
            return environment_object(connection.environment)
        load_policy(content, told)
    except InvalidInput as error:
        for fault in error.message.splitlines():
            print_line(fault, "bold red")
        print_line(f"{told} may not be applied")
        raise typer.Exit(1) from error
    return policy_object(connection.environment)


def _check_name(found: EnvironmentName, wanted: EnvironmentName) -> None:
    if found != wanted:
        raise NotFound(f"it describes {found}, not {wanted}", operation="apply environment")


def _tell(applied: Applied, as_json: bool) -> None:
    if as_json:
        print_json(applied)
    elif not applied.is_changed:
        print_line(f"{applied.resource} already is this ({applied.digest[:12]})")
    else:
        print_line(f"{applied.resource} is {applied.digest[:12]} now, generation {applied.generation}", "green")
        if applied.generation_before:
            print_line(f"before it: generation {applied.generation_before}; `dagwarden policy restore` brings it back")
