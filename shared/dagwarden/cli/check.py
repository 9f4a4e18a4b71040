"""`dagwarden check`: the gate's own verdict on a folder or a working tree, before it is pushed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from dagwarden.cli.linting.findings import Format, locate_all, print_note, print_text, render, write_report
from dagwarden.cli.options import READS, Connection, JsonOption, connect, read_settings
from dagwarden.cli.output import is_coloured, print_json, print_painted
from dagwarden.errors import InvalidInput
from dagwarden.names import EnvironmentName, owner_of

if TYPE_CHECKING:
    from dagwarden.cli.checking.rulebook import Rulebook
    from dagwarden.cli.checking.source import Source
    from dagwarden.handlers.check import Base, Question
    from dagwarden.lint.finding import Finding
    from dagwarden.policy.verdict import Principal, Verdict

NOWHERE = EnvironmentName("local")
"""What an environment is called that nobody named."""
POINT_AT_FILES = frozenset({Format.SARIF, Format.GITHUB})
"""Forms whose findings must be of files that the repository has: what lies within a zip file is none."""


def check(  # noqa: PLR0917 (typer reads options by name)
    path: Annotated[Path, typer.Argument(help="A repository, a folder with dags/ and plugins/, or one of DAGs.")],
    policy_file: Annotated[
        Path | None, typer.Option("--policy", help="policy.yaml to decide by.", show_default=False)
    ] = None,
    environment_file: Annotated[
        Path | None, typer.Option(help="environment.yaml: Python, Airflow and accounts.", show_default=False)
    ] = None,
    principal: Annotated[
        str, typer.Option("--as", help="Who would push; DAGWARDEN_SERVICE_ACCOUNT where not given.", show_default=False)
    ] = "",
    source: Annotated[
        str, typer.Option(help="The source's name; as a push would name it where not given.", show_default=False)
    ] = "",
    ref: Annotated[
        str, typer.Option(help="The ref that would be pushed; the branch that is checked out.", show_default=False)
    ] = "",
    prefix: Annotated[
        str, typer.Option(help="Folder of the release it all goes into, e.g. dags/team_a.", show_default=False)
    ] = "",
    against: Annotated[
        str | None,
        typer.Option(
            metavar="ENVIRONMENT",
            help="Its head release and its policy; else nothing.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--changed-since", metavar="COMMIT", help="Only what differs from where it left COMMIT.", show_default=False
        ),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="Form of the report.")] = Format.HUMAN,
    output: Annotated[Path | None, typer.Option(help="Write the report to this file.", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """Lint, import and judge what a push of this would change, and show the verdict. Nothing is sent.

    Exit code: 0 allowed, 1 denied or held for approvals, 2 nothing could be checked.

    Examples: `dagwarden check .` by the rules as they come; `dagwarden check . --against prod` by the policy in force
    """
    from dagwarden.cloud.identity import utc_now
    from dagwarden.handlers.check import decide
    from dagwarden.policy.verdict import Outcome

    if against is not None and since is not None:
        raise InvalidInput("--against and --changed-since name two bases", operation="check")
    asked = Asked(
        path=path,
        policy=policy_file,
        environment=environment_file,
        principal=principal,
        source=source,
        ref=ref,
        prefix=prefix,
        connection=connect(against, *READS) if against is not None else None,
        since=since,
    )
    question, read = ask(asked)
    _tell_terms(asked, question.base)
    verdict = decide(question, now=utc_now())
    _tell(verdict, question, read, Format.JSON if as_json else form, output)
    raise typer.Exit(0 if verdict.outcome is Outcome.ALLOWED else 1)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says."""

    path: Path
    policy: Path | None = None
    environment: Path | None = None
    principal: str = ""
    source: str = ""
    ref: str = ""
    prefix: str = ""
    connection: Connection | None = None
    since: str | None = None

    @property
    def is_packaged(self) -> bool:
        """Whether no policy is named."""
        return self.policy is None and self.connection is None


def ask(asked: Asked) -> tuple[Question, Source]:
    """All that the gate would know of such a push, and where it was read.

    Raises:
        InvalidInput: what was named cannot be read, or means nothing.
    """
    from dagwarden.cli.checking.rulebook import read_rulebook
    from dagwarden.cli.checking.source import offer_source, read_source
    from dagwarden.handlers.check import Question

    rulebook = read_rulebook(asked.policy, asked.environment, asked.connection)
    principal = _find_principal(asked)
    source = read_source(asked.path, asked.source, asked.prefix, needs_name=not asked.is_packaged)
    base = _find_base(source, rulebook, asked)
    offered = offer_source(source, base, asked.ref)
    question = Question(
        manifest=offered.manifest,
        packed=offered.offer,
        base=base,
        principal=principal,
        policy=rulebook.policy,
        environment=rulebook.environment,
        catalogue=rulebook.catalogue,
    )
    return question, source


def _find_principal(asked: Asked) -> Principal:
    """Who would push, as the gate would know them by their signature."""
    from dagwarden.policy.verdict import Principal

    name = asked.principal or read_settings(needs=()).service_account
    if not name and asked.connection is not None:
        name = asked.connection.cloud.service_account
    if not name and not asked.is_packaged:
        raise InvalidInput(
            "it is not said who would push, and the policy asks",
            operation="check",
            hint="add --as E-MAIL, or set DAGWARDEN_SERVICE_ACCOUNT",
        )
    return Principal(name=name or "whoever checks", attested_by="jwt")


def _find_base(source: Source, rulebook: Rulebook, asked: Asked) -> Base:
    from dagwarden.cli.checking.rulebook import read_head
    from dagwarden.cli.checking.source import read_base
    from dagwarden.handlers.check import Base
    from dagwarden.ledger.state import empty_state

    if asked.connection is not None:
        return read_head(asked.connection)
    environment = NOWHERE if rulebook.environment is None else rulebook.environment.name
    return Base(empty_state(environment), {}) if asked.since is None else read_base(source, asked.since, environment)


def _tell_terms(asked: Asked, base: Base) -> None:
    if asked.is_packaged:
        print_note("no policy is named: rules count as they are packaged, and who may push is not asked")
    if asked.since is not None:
        [commit] = base.state.sources.values()
        print_note(f"judged as if commit {commit[:12]} were released")


def _tell(verdict: Verdict, question: Question, source: Source, form: Format, output: Path | None) -> None:
    from dagwarden.push.verdict_lines import verdict_lines

    if form is Format.HUMAN and output is None:
        for line in verdict_lines(verdict, is_coloured=is_coloured(), tells_all=True):
            print_painted(line)
    elif form is Format.JSON and output is None:
        print_json(verdict)
    else:
        text = render_verdict(verdict, question, source, form)
        print_text(text) if output is None else write_report(output, text)


def render_verdict(verdict: Verdict, question: Question, source: Source, form: Format) -> str:
    """The verdict in one of the forms that lint has."""
    from dagwarden.lint.report import make_report
    from dagwarden.policy.rules import list_pages
    from dagwarden.push.verdict_lines import verdict_lines

    if form is Format.HUMAN:
        return "".join(f"{line}\n" for line in verdict_lines(verdict, is_coloured=False, tells_all=True))
    if form is Format.JSON:
        return msgspec.json.format(msgspec.json.encode(verdict, order="deterministic"), indent=2).decode() + "\n"
    pages = {page.rule: page for page in list_pages()} | dict(question.catalogue.pages)
    contents = {str(path): content for path, content in {**question.base.files, **question.packed.contents}.items()}
    located = [
        msgspec.structs.replace(each, finding=_point(each.finding, source, form))
        for each in locate_all(contents, verdict.findings, pages)
    ]
    paths = [_find_file(change.path, source) for change in question.manifest.changes]
    return render(make_report(paths, located), form, pages)


def _point(finding: Finding, source: Source, form: Format) -> Finding:
    """The finding with the path that its file has here."""
    owner = owner_of(finding.path)
    inner = finding.path.removeprefix(owner).lstrip("/")
    if finding.path in source.listing.files or not inner:
        return msgspec.structs.replace(finding, path=_find_file(finding.path, source))
    if form not in POINT_AT_FILES:
        return msgspec.structs.replace(finding, path=f"{_find_file(owner, source)}/{inner}")
    where = f"{inner}:{finding.line}" if finding.line else inner
    return msgspec.structs.replace(
        finding, path=_find_file(owner, source), line=0, end_line=0, column=0, message=f"{where}: {finding.message}"
    )


def _find_file(path: str, source: Source) -> str:
    from dagwarden.names import ReleasePath

    listed = source.listing.files.get(ReleasePath(path))
    return path if listed is None else str(Path(listed.key).absolute())
