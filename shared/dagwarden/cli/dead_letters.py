"""`dagwarden dead-letters`: events that no handler could take, seen and handed over once more.

A dead letter names the subscription that gave up on it. Replaying publishes it again, unchanged, to the topic which
that subscription reads, so that Pub/Sub (or Eventarc, whose triggers are subscriptions) delivers it as it did at first.
Other subscriptions of that topic get it again as well, which is harmless: every handler may be called twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from dagwarden.cli.options import JsonOption, read_settings
from dagwarden.cli.output import format_time, print_json, print_line, print_table
from dagwarden.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from dagwarden.cloud.clients import Cloud
    from dagwarden.cloud.topics import Incoming, Subscription

app = typer.Typer(help="Events that no handler could take: list them, replay them.")

_MARK = "CloudPubSubDeadLetterSource"
"""What Pub/Sub's own attributes on a dead letter start with.

Source: cloud.google.com/pubsub/docs/handling-failures."""
COLUMNS = ("id", "given up", "attempts", "subscription", "what")
_ROUND = 100
_MOST = 1000


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter, leased to this process."""

    ack_id: str
    message: Incoming

    @property
    def subscription(self) -> str:
        """The subscription that gave up on it; empty when the message does not tell."""
        return self.message.attributes.get(f"{_MARK}Subscription", "")


@app.callback(invoke_without_command=True)
def dead_letters(context: typer.Context) -> None:
    """Events that no handler could take: list them, replay them; without a command, they are listed."""
    if context.invoked_subcommand is None:
        list_()


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List what waits in the dead-letter subscription; nothing is taken out of it."""
    cloud = _connect()
    subscription = cloud.subscription(cloud.settings.dead_letters_topic)
    letters = _pull_all(subscription)
    subscription.give_back([letter.ack_id for letter in letters])
    if as_json:
        print_json([_to_json(letter) for letter in letters])
    elif letters:
        print_table(COLUMNS, [_row(letter) for letter in letters])
    else:
        print_line("no dead letters")


@app.command("replay")
def replay(
    ids: Annotated[list[str] | None, typer.Argument(help="Message ids, as listed.", metavar="ID…")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that are there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Hand dead letters to their function once more, and take them out of the dead-letter subscription.

    Each replay is in the audit log before it is done. Exit code 1 when an id is not there or cannot be replayed.
    """
    wanted = set(ids or ())
    if bool(wanted) == every:
        raise InvalidInput("give message ids, or --all", operation="replay dead letters")
    cloud = _connect()
    subscription = cloud.subscription(cloud.settings.dead_letters_topic)
    letters = _pull_all(subscription)
    chosen = [letter for letter in letters if every or letter.message.id in wanted]
    subscription.give_back([letter.ack_id for letter in letters if letter not in chosen])
    outcomes = {letter.message.id: _replay(cloud, subscription, letter) for letter in chosen}
    outcomes.update(dict.fromkeys(wanted - outcomes.keys(), "not there"))
    if as_json:
        print_json(outcomes)
    else:
        for message_id, outcome in outcomes.items():
            print_line(f"{message_id}: {outcome}")
        print_line(f"{sum(_is_done(outcome) for outcome in outcomes.values())} replayed")
    if not all(_is_done(outcome) for outcome in outcomes.values()):
        raise typer.Exit(1)


def _connect() -> Cloud:
    from dagwarden.cloud.clients import Cloud

    return Cloud(read_settings(needs=("project",)))


def _pull_all(subscription: Subscription) -> list[DeadLetter]:
    """Everything that waits, oldest first. A pull may miss some, so it is repeated until nothing comes."""
    letters: dict[str, DeadLetter] = {}
    while len(letters) < _MOST and (pulled := subscription.pull(_ROUND)):
        letters.update({message.id: DeadLetter(ack_id=ack_id, message=message) for ack_id, message in pulled})
    return sorted(letters.values(), key=lambda letter: (letter.message.published_at, letter.message.id))


def _replay(cloud: Cloud, subscription: Subscription, letter: DeadLetter) -> str:
    """Audited, published again, then taken out: a crash in between replays it once more, never loses it."""
    from dagwarden.audit.entries import event_replayed
    from dagwarden.audit.write import AuditWriter
    from dagwarden.cloud.identity import utc_now
    from dagwarden.cloud.topics import Outgoing

    try:
        topic = cloud.subscription(letter.subscription).find_topic() if letter.subscription else ""
    except NotFound:
        topic = ""
    if not topic:
        subscription.give_back([letter.ack_id])
        return f"subscription {letter.subscription or 'unknown'} is no more: nowhere to replay it"
    attributes = {name: value for name, value in letter.message.attributes.items() if not name.startswith(_MARK)}
    entry = event_replayed(letter.message.id, by=_who(cloud), to=letter.subscription, at=utc_now())
    AuditWriter(cloud).write(entry)
    cloud.topics.publish(topic, Outgoing(letter.message.data, attributes))
    subscription.acknowledge([letter.ack_id])
    return f"replayed to {letter.subscription}"


def _is_done(outcome: str) -> bool:
    return outcome.startswith("replayed")


def _who(cloud: Cloud) -> str:
    from dagwarden.errors import AccessDenied

    try:
        return cloud.service_account
    except AccessDenied:
        return "user credentials"


def _row(letter: DeadLetter) -> tuple[object, ...]:
    attributes = letter.message.attributes
    return (
        letter.message.id,
        format_time(letter.message.published_at),
        attributes.get(f"{_MARK}DeliveryCount", ""),
        letter.subscription,
        _describe(letter.message),
    )


def _describe(message: Incoming) -> str:
    """The object an event is about, else the start of the message."""
    try:
        found = msgspec.json.decode(message.data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return message.data[:60].decode("utf-8", "replace")
    if isinstance(found, dict) and "bucket" in found and "name" in found:
        return f"gs://{found['bucket']}/{found['name']}#{found.get('generation', '')}"
    return message.data[:60].decode("utf-8", "replace")


def _to_json(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.message.id,
        "published_at": letter.message.published_at,
        "subscription": letter.subscription,
        "attributes": letter.message.attributes,
        "data": letter.message.data.decode("utf-8", "replace"),
    }
