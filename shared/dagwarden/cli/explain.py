"""`dagwarden explain` and `dagwarden approve`: why a push was decided as it was, and letting a held one go ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from dagwarden.cli.options import EnvironmentOption, JsonOption, SignWithOption, connect
from dagwarden.cli.output import format_time, is_coloured, print_facts, print_json, print_line, print_painted
from dagwarden.errors import InvalidInput, NotFound, Tampered
from dagwarden.names import PushId, policy_object

if TYPE_CHECKING:
    from dagwarden.cli.options import Connection
    from dagwarden.policy.verdict import Verdict

PushArgument = Annotated[str, typer.Argument(help="Push id, or its first characters.", show_default=False)]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds to wait for the verdict.")]
LEAST_CHARACTERS = 8


def explain(push: PushArgument, environment: EnvironmentOption = None, as_json: JsonOption = False) -> None:
    """Why a push was allowed, denied or held: every finding, with the line of the policy that says so.

    Exit code 1 when it was denied, or is held.
    """
    from dagwarden.policy.verdict import Outcome

    connection = connect(environment, "project", "store_bucket")
    verdict = find_push(connection, push)
    _tell(verdict, connection, as_json)
    raise typer.Exit(0 if verdict.outcome is Outcome.ALLOWED else 1)


def approve(
    push: PushArgument,
    environment: EnvironmentOption = None,
    sign_with: SignWithOption = None,
    timeout: TimeoutOption = 20.0,
    as_json: JsonOption = False,
) -> None:
    """Sign that a held push may go ahead under the policy now in force, and wait for what the gate says then.

    Look at it first: `dagwarden explain`. It stays held as long as others have to approve it too. Exit code 1 when it
    is denied, or still held.
    """
    from dagwarden.cloud.identity import utc_now
    from dagwarden.policy.verdict import Outcome
    from dagwarden.push.approve import submit_approval
    from dagwarden.push.submit import await_final, say_signer
    from dagwarden.wire import digest

    connection = connect(environment, "project", "store_bucket", "inbox_bucket", sign_with=sign_with)
    held = find_push(connection, push)
    if held.is_waiting:
        cloud, of = connection.cloud, connection.environment
        policy = digest(cloud.store.read(policy_object(of)))
        submit_approval(cloud, of, held.push_id, policy, utc_now())
        if not as_json and policy != held.policy_digest:
            print_line("the policy has changed since it was held: you approve under the one now in force", "yellow")
        if not as_json:
            print_line(f"approved {held.push_id[:12]} {say_signer(cloud)}; waiting for the gate")
        held = await_final(cloud, of, held.push_id, timeout) or held
    _tell(held, connection, as_json)
    raise typer.Exit(0 if held.outcome is Outcome.ALLOWED else 1)


def find_push(connection: Connection, text: str) -> Verdict:
    """The verdict on a push; where there is none yet, why it is held.

    Raises:
        InvalidInput: the text fits several pushes, or is too short to say.
        NotFound: there is no such push.
        Tampered: what the store says of it is of another.
    """
    from dagwarden.push.held import find_newest_held
    from dagwarden.push.submit import find_verdict

    of = connection.environment
    if len(text) < LEAST_CHARACTERS or set(text) - set("0123456789abcdef"):
        raise InvalidInput(f"{text!r} is no push id", hint=f"give {LEAST_CHARACTERS} hex digits of it, or more")
    store = connection.cloud.store
    names = [info.name for kind in ("verdicts", "held") for info in store.list(f"{of}/{kind}/{text}")]
    pushes = sorted({name.split("/")[2].removesuffix(".json") for name in names})
    if not pushes:
        raise NotFound(f"no push {text} was decided in {of}", hint="dagwarden audit --kind push.verdict lists them")
    if len(pushes) > 1:
        raise InvalidInput(f"{text} fits {len(pushes)} pushes", hint="give more of it")
    push = PushId(pushes[0])
    verdict = find_verdict(connection.cloud, of, push) or find_newest_held(connection.cloud, of, push)
    if verdict is None:
        raise NotFound(f"push {text} is gone")
    if (verdict.environment, verdict.push_id) != (of, push):
        said = f"what the store holds on it is of push {verdict.push_id} to {verdict.environment}"
        raise Tampered(said, operation="read verdict", subject=f"{of}/{push}")
    return verdict


def _tell(verdict: Verdict, connection: Connection, as_json: bool) -> None:
    from dagwarden.audit.uploads import look_up, say_upload
    from dagwarden.audit.vouch import vouch

    upload = look_up(connection.cloud, connection.environment, verdict.push_id, verdict.principal)
    is_audited = vouch(connection.cloud, verdict)
    if as_json:
        print_json({**msgspec.to_builtins(verdict), "upload": upload, "is_audited": is_audited})
        return
    _print_verdict(verdict, say_upload(upload))
    if is_audited is False:
        print_line("the audit log has no such verdict: unless it is seconds old, or older than what the log", "yellow")
        print_line("keeps, somebody other than the gate wrote it", "yellow")


def _print_verdict(verdict: Verdict, uploaded_by: str) -> None:
    from dagwarden.policy.verdict import say_outcome, say_wait
    from dagwarden.push.held import find_end
    from dagwarden.push.verdict_lines import finding_lines

    who = f"{verdict.principal.name} ({verdict.principal.attested_by or 'unattested'})"
    end = find_end(verdict)
    print_facts(
        (
            ("push", verdict.push_id),
            ("pushed by", who),
            ("uploaded by", uploaded_by),
            ("source", verdict.source),
            ("commit", verdict.head_commit),
            ("decided", format_time(verdict.decided_at)),
            ("on top of", f"{verdict.environment}/{verdict.head}"),
            ("policy", verdict.policy_digest),
            ("facts", verdict.facts_digest),
            ("emergency", verdict.break_glass),
            ("approved by", ", ".join(verdict.approved_by)),
            ("waits for", "; ".join(map(say_wait, verdict.waits))),
            ("until", "" if end is None else format_time(end)),
        )
    )
    print_line()
    for line in finding_lines(verdict.findings, is_coloured=is_coloured()):
        print_painted(line)
    print_line(say_outcome(verdict))
