"""`dagwarden policy impact`: what a policy would change, foretold before it is applied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagwarden.cli.options import READS, Connection, EnvironmentOption, JsonOption, connect
from dagwarden.cli.output import format_time, print_json, print_line, print_table
from dagwarden.names import PushId, ReleaseNumber

if TYPE_CHECKING:
    from dagwarden.ledger.read import Ledger
    from dagwarden.ledger.release import SignedRelease
    from dagwarden.lint.finding import Finding
    from dagwarden.policy.impact import Impact
    from dagwarden.policy.verdict import Verdict


def impact(
    file: Annotated[Path, typer.Argument(help="policy.yaml", show_default=False)],
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="So many of the newest releases.")] = 200,
    environment: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a policy would have said to past releases, and would say to what is live now. Code 1: it refuses some.

    What is live is linted and imported here, as `dagwarden check` does it.
    """
    connection = connect(environment, *READS)
    found = foretell(connection, file, last)
    if as_json:
        print_json(found)
    else:
        _print_impact(found)
    raise typer.Exit(1 if found.live or any(each.findings for each in found.past) else 0)


def foretell(connection: Connection, file: Path, last: int) -> Impact:
    """The impact of a policy on the newest releases and on all that is live.

    Raises:
        InvalidInput: it cannot be read, or is none; every fault is named.
        Unavailable: what is live cannot be imported here.
    """
    from dagwarden.cli.checking.rulebook import read_head, read_rulebook
    from dagwarden.cloud.identity import utc_now
    from dagwarden.handlers.live import look_at
    from dagwarden.ledger.read import Ledger
    from dagwarden.policy.impact import Impact, judge_live, replay

    rulebook = read_rulebook(file, None, connection)
    assert rulebook.policy is not None, "a file was named"
    ledger, of = Ledger(connection.cloud), connection.environment
    live = read_head(connection)
    first = ReleaseNumber(max(1, live.state.number - last + 1))
    newest = _read_verdicts(connection, ledger, range(first, live.state.number + 1))
    holding = sorted({entry.release for entry in live.state.files.values()})
    standing = (ledger.read(of, number) for number in holding)
    seen = look_at(live, rulebook.policy, rulebook.environment, rulebook.catalogue)
    return Impact(
        past=tuple(replay(rulebook.policy, ledger.state(of, ReleaseNumber(first - 1)), newest)),
        live=tuple(judge_live(rulebook.policy, live.state, standing, seen, utc_now())),
    )


def _read_verdicts(
    connection: Connection, ledger: Ledger, numbers: range
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
    print_line("past: what lint and imports found counts as it was found then, and as whom tasks ran is not known")


def _say(findings: tuple[Finding, ...]) -> str:
    rules = ", ".join(sorted({finding.rule for finding in findings}))
    clauses = ", ".join(sorted({finding.clause for finding in findings if finding.clause}))
    return f"{rules} ({clauses})" if clauses else rules
