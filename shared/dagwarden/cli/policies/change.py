"""What changes a policy in force, or foretells the change: `policy apply`, `policy restore`, `policy impact`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from dagwarden.cli.linting.findings import print_note
from dagwarden.cli.options import READS, Connection, EnvironmentOption, JsonOption, connect
from dagwarden.cli.output import format_time, print_json, print_line, print_table
from dagwarden.errors import DagwardenError, InvalidInput, NotFound
from dagwarden.names import EnvironmentName, PushId, ReleaseNumber, environment_object, policy_object

if TYPE_CHECKING:
    from dagwarden.audit.entry import AuditEntry
    from dagwarden.audit.write import AuditWriter
    from dagwarden.ledger.read import Ledger
    from dagwarden.ledger.release import SignedRelease
    from dagwarden.lint.finding import Finding
    from dagwarden.policy.impact import Impact
    from dagwarden.policy.model import Policy
    from dagwarden.policy.verdict import Verdict

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


def impact(
    file: Annotated[Path, typer.Argument(help="policy.yaml", show_default=False)],
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="So many of the newest releases.")] = 200,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a policy would have said to past releases, and would say to what is live now. Code 1: it refuses some."""
    from dagwarden.policy.load import load_policy

    policy = load_policy(_read(file), file.name)
    connection = connect(environment, *READS)
    found = foretell(connection, policy, last)
    if as_json:
        print_json(found)
    else:
        _print_impact(found)
    raise typer.Exit(1 if found.live or any(each.findings for each in found.past) else 0)


def foretell(connection: Connection, policy: Policy, last: int) -> Impact:
    """The impact of a policy on the newest releases and on all that is live."""
    from dagwarden.cloud.identity import utc_now
    from dagwarden.ledger.read import Ledger
    from dagwarden.policy.impact import Impact, judge_live, replay

    ledger, of = Ledger(connection.cloud), connection.environment
    head = ledger.state(of)
    first = ReleaseNumber(max(1, head.number - last + 1))
    newest = _read_releases(connection, ledger, range(first, head.number + 1))
    holding = sorted({entry.release for entry in head.files.values()})
    return Impact(
        past=tuple(replay(policy, ledger.state(of, ReleaseNumber(first - 1)), newest)),
        live=tuple(judge_live(policy, head, _read_releases(connection, ledger, holding), utc_now())),
    )


def _read_releases(
    connection: Connection, ledger: Ledger, numbers: range | list[ReleaseNumber]
) -> Iterator[tuple[SignedRelease, Verdict | None]]:
    from dagwarden.push.submit import find_verdict

    for number in numbers:
        signed = ledger.read(connection.environment, ReleaseNumber(number))
        yield signed, find_verdict(connection.cloud, connection.environment, PushId(signed.release.push_id))


def _print_impact(found: Impact) -> None:
    from dagwarden.policy.verdict import Outcome, count

    refused = [each for each in found.past if each.findings]
    if refused:
        rows = [
            (each.release, format_time(each.pushed_at), each.principal, each.outcome, _say(each.findings))
            for each in refused
        ]
        print_table(("release", "pushed", "who", "would be", "by"), rows)
    counts = ", ".join(f"{found.count(outcome)} {outcome}" for outcome in Outcome)
    print_line(f"past: of {count(len(found.past), 'release')} {counts}")
    if found.live:
        print_table(
            ("release", "who", "live files", "refused by"),
            [(each.release, each.principal, each.files, _say(each.findings)) for each in found.live],
        )
    files = count(sum(each.files for each in found.live), "file")
    print_line(f"live: {files} of pushes that would be refused now")
    print_line("DAGs are not imported again: rules about them count as they were found then")


def _say(findings: tuple[Finding, ...]) -> str:
    rules = ", ".join(sorted({finding.rule for finding in findings}))
    clauses = ", ".join(sorted({finding.clause for finding in findings if finding.clause}))
    return f"{rules} ({clauses})" if clauses else rules


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
