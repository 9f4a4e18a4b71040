"""`dagwarden access`: who can in effect do what around an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dagwarden.cli.options import EnvironmentOption, JsonOption, connect
from dagwarden.cli.output import print_facts, print_json, print_line, print_table
from dagwarden.errors import NotFound

if TYPE_CHECKING:
    from dagwarden.iam.access import Matrix

NEEDS = ("project", "inbox_bucket", "ledger_bucket", "store_bucket")

PrincipalOption = Annotated[
    str | None,
    typer.Option(
        "--principal",
        "-p",
        help="Of this member alone, with every way: `user:E-MAIL` or the e-mail.",
        show_default=False,
    ),
]


def access(
    principal: PrincipalOption = None, environment: EnvironmentOption = None, as_json: JsonOption = False
) -> None:
    """Show what each principal can do: push, approve, roll back, write the bucket directly, run code as the worker …

    From roles, bindings and the policy as they are now; `via` is through another account. Needs an identity that may
    read them (`roles/iam.securityReviewer` on the project, `roles/storage.objectViewer` on the store and, where Cloud
    Composer runs the environment, `roles/composer.user`).
    """
    from dagwarden.cloud.identity import utc_now
    from dagwarden.cloud.snapshots import read_all
    from dagwarden.handlers.iam_guard import read_watch
    from dagwarden.iam.access import make_matrix

    connection = connect(environment, *NEEDS)
    watch = read_watch(connection.cloud, connection.environment)
    if watch is None:
        raise NotFound(f"the store describes no {connection.environment}", hint="see `dagwarden doctor`")
    matrix = make_matrix(watch.policy, read_all(connection.cloud, watch, utc_now()))
    if principal is not None:
        matrix = pick_principal(matrix, principal)
    if as_json:
        print_json(matrix)
    elif principal is not None:
        _print_ways(matrix)
    else:
        _print_matrix(matrix)


def pick_principal(matrix: Matrix, principal: str) -> Matrix:
    """The matrix of one member, named whole or by its e-mail.

    Raises:
        NotFound: it can do nothing here.
    """
    import msgspec

    rows = tuple(row for row in matrix.rows if principal in (row.principal, row.principal.partition(":")[2]))
    if not rows:
        raise NotFound("it can do nothing here, as far as roles and bindings tell", subject=principal)
    writers = tuple(each for each in matrix.direct_writers if each in {row.principal for row in rows})
    return msgspec.structs.replace(matrix, rows=rows, direct_writers=writers)


def _print_matrix(matrix: Matrix) -> None:
    from dagwarden.iam.access import Ability

    columns = ("principal", *(str(each).replace("_", " ") for each in Ability))
    rows = [(row.principal, *(_mark(row.ways.get(each, ())) for each in Ability)) for row in matrix.rows]
    print_table(columns, rows)
    for writer in matrix.direct_writers:
        print_line(f"{writer} writes the bucket directly: it can run code as the environment, past the gate", "yellow")
    for fault in matrix.unread:
        print_line(f"Cloud Composer: {fault}", "yellow")
    if matrix.unreadable_roles:
        print_line(f"not known is what these roles permit: {', '.join(matrix.unreadable_roles)}", "yellow")


def _mark(ways: tuple[str, ...]) -> str:
    if not ways:
        return ""
    return "yes" if any(" -> " not in way for way in ways) else "via"


def _print_ways(matrix: Matrix) -> None:
    for row in matrix.rows:
        ways = [(str(ability).replace("_", " "), "\n".join(found)) for ability, found in row.ways.items()]
        print_facts((("principal", row.principal), ("runs", row.component), *ways))
