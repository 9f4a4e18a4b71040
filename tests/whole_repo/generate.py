"""Writes the pages' generated parts (between `<!-- generated: NAME -->` and `<!-- end -->`), and the JSON Schemas.

python -m tests.whole_repo.generate          # or: make docs
"""

from __future__ import annotations

import ast
import enum
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import yaml

from dagwarden.audit.entry import AuditOutcome, Kind
from dagwarden.cli import main as command_line
from dagwarden.cli.rules import rate_page, render_page
from dagwarden.cloud.grants import ROLES
from dagwarden.lint.page import Page
from dagwarden.policy.conditions.scope import STRUCTURES
from dagwarden.policy.conditions.types import FieldType, find_structures, read_fields
from dagwarden.policy.rules import list_pages
from dagwarden.policy.schema import SCHEMAS, render_schema
from dagwarden.settings import PREFIX, SETTINGS
from localcloud import calls
from localcloud.stack import blueprint
from tests.scenarios.red_team import table
from tests.scenarios.red_team.by_word import BY_WORD
from tests.whole_repo.repository import ROOT, mains, parse

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def make_table(head: tuple[str, ...], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    cells = [head]
    cells += [("---",) * len(cells[0]), *(tuple(str(cell).replace("|", "\\|") for cell in row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def settings() -> str:
    """Every row of SETTINGS."""
    rows = (
        (f"`{PREFIX}{each.name.upper()}`", f"`{each.default}`" if each.default != "" else "", each.help)
        for each in SETTINGS
    )
    return make_table(("variable", "default", "meaning"), rows)


def verbs() -> str:
    """Every verb with its line of help."""
    return make_table(("verb", "does"), ((f"[`{each.name}`](#{each.name})", each.help) for each in command_line.VERBS))


def help_pages() -> str:
    """The help page of every verb, as Markdown."""
    pages = (_help_of(command_line.load_verb(verb), f"dagwarden {verb.name}", 2) for verb in command_line.VERBS)
    return "\n".join(pages)


def exit_codes() -> str:
    """The table in the docstring of cli/main.py, which a test holds against the codes."""
    text = (command_line.__doc__ or "").splitlines()
    return "".join(f"{line}\n" for line in text if line.startswith("|"))


def rules() -> str:
    """Every rule in a table."""
    rows = ((_link(page, page.code), f"`{page.rule}`", rate_page(page), _one_line(page.what)) for page in list_pages())
    return make_table(("code", "rule", "severity", "what it finds"), rows)


def rule_pages() -> str:
    """The page of every rule."""
    return "\n".join(re.sub(r"^(#+) ", r"#\1 ", render_page(page), flags=re.MULTILINE) for page in list_pages())


def audit_kinds() -> str:
    """Every kind of entry, with what the function that makes it says of itself."""
    return make_table(("kind", "tells that"), ((f"`{kind}`", _tell(kind)) for kind in Kind))


def audit_outcomes() -> str:
    """Every outcome."""
    return make_table(
        ("outcome", "note"), ((f"`{each}`", _note_under(AuditOutcome, each.name)) for each in AuditOutcome)
    )


def faults() -> str:
    """What a planned fault can do."""
    source = Path(calls.__file__).read_text()
    rows = re.findall(r'^    "(\w+)",  # (.+)$', source, re.MULTILINE)
    return make_table(("action", "what happens"), ((f"`{name}`", text) for name, text in rows))


def functions() -> str:
    """Every function: what starts it, what it does, what its identity may."""
    rows = ((f"`{main.name}`", _starts(main.name), _duty(main.tree), _grants(main.name)) for main in mains())
    return make_table(("function", "starts on", "does", "its identity may"), rows)


def operations() -> str:
    """Every operation of the clients, and the role it takes."""
    return make_table(("operation", "takes"), ((f"`{name}`", role) for name, role in ROLES.items()))


def accounts() -> str:
    """The accounts of the local stack that are no function's."""
    names = [name for name in blueprint.ACCOUNTS if name not in blueprint.ALL_FUNCTIONS]
    return make_table(("account", "may"), ((f"`{name}`", _grants(name)) for name in names))


def practices() -> str:
    """The practices of tests/rules/practices.yml, and the rules that hold a push to each."""
    table = yaml.safe_load((ROOT / "tests" / "rules" / "practices.yml").read_text())
    pages = {page.rule: page for page in list_pages()}
    rows = (
        (key, row["practice"], row["from"], ", ".join(_link(pages[rule], f"`{rule}`") for rule in row["rules"]))
        for key, row in table.items()
    )
    return make_table(("", "recommended is that", "seen in the", "rules"), rows)


def red_team() -> str:
    """Every attempt of the red-team suite, and what tells of it."""
    pages = {page.rule: page for page in list_pages()}

    def link(rule: str) -> str:
        return f"[`{rule}`](rules.md#{rule}-{pages[rule].code.lower()})"

    parts = []
    for way, tasks in table.SECTIONS.items():
        rows = [(each.name, "told" if each.is_reported else "denied", link(each.rule)) for each in tasks]
        parts.append(f"### {way.capitalize()}\n\n{make_table(('a task runs as another by', '', 'by the rule'), rows)}")
    for way, pushes in table.PUSHED.items():
        rows = [(each.name, "denied", link(each.rule)) for each in pushes]
        parts.append(f"### {way.capitalize()}\n\n{make_table(('a file gets in by', '', 'by the rule'), rows)}")
    rows = [(each.name, "not let through", link(each.rule)) for each in BY_WORD]
    parts.append(f"### An exception that is none\n\n{make_table(('a push gets through by', '', 'by the rule'), rows)}")
    stories = [(name, f"`{test.partition('::')[2] or test}`") for name, test in table.ELSEWHERE]
    parts.append(f"### Stories\n\n{make_table(('attempt', 'told by the test'), stories)}")
    return "\n".join(parts)


def condition_fields() -> str:
    """Every field that a condition can read, by the structure that has it."""
    titles = {kind: f"`{variable}` ({kind.__name__})" for variable, kind in STRUCTURES.items()}
    others = [kind for kind in find_structures(STRUCTURES.values()).values() if kind not in titles]
    titles |= {kind: kind.__name__ for kind in sorted(others, key=lambda each: each.__name__)}
    return "\n".join(f"### {title}\n\n{_fields_of(kind)}" for kind, title in titles.items())


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "verbs": verbs,
    "help-pages": help_pages,
    "exit-codes": exit_codes,
    "rules": rules,
    "practices": practices,
    "red-team": red_team,
    "rule-pages": rule_pages,
    "audit-kinds": audit_kinds,
    "audit-outcomes": audit_outcomes,
    "faults": faults,
    "functions": functions,
    "accounts": accounts,
    "operations": operations,
    "condition-fields": condition_fields,
}


def render(text: str) -> str:
    """A page with its generated parts as they are now.

    Raises:
        KeyError: it names a part that nobody makes.
    """
    return _PART.sub(lambda found: f"{found[1]}{PARTS[found['name']]()}{found[3]}", text)


def main() -> None:
    """Write every page and schema anew, and say which changed."""
    files = {page: render(page.read_text()) for page in PAGES}
    files |= {ROOT / "docs" / name: render_schema(name) for name in SCHEMAS}
    for path, text in files.items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")


def _fields_of(kind: type[msgspec.Struct]) -> str:
    optional = {field.name for field in msgspec.structs.fields(kind) if "None" in str(field.type)}
    rows = (
        (f"`{name}`{' *?*' if name in optional else ''}", _say_type(field)) for name, field in read_fields(kind).items()
    )
    return make_table(("field", "type"), rows)


def _say_type(field: FieldType) -> str:
    words = f": {', '.join(f'`{word}`' for word in field.words)}" if field.words else ""
    kind = field.structure.__name__ if field.structure else field.scalar.removeprefix("TYPE_").lower().rstrip("64")
    return f"{'list of ' if field.is_list else ''}{kind}{words}"


def _link(page: Page, text: str) -> str:
    return f"[{text}](#{page.rule}-{page.code.lower()})"


def _help_of(command: Any, name: str, depth: int) -> str:
    if subcommands := getattr(command, "commands", None):
        pages = (_help_of(each, f"{name} {key}", depth + 1) for key, each in subcommands.items())
        title = name.removeprefix("dagwarden ") if depth == 2 else name
        return f"{'#' * depth} {title}\n\n{_plain(command.help)}\n\n" + "\n".join(pages)
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option" and not each.hidden]
    usage = " ".join([name, *(["[OPTIONS]"] if options else []), *(_say_argument(each) for each in arguments)])
    rows = [(f"`{_say_argument(each)}`", _plain(getattr(each, "help", ""))) for each in arguments]
    rows += [(f"`{_say_option(each)}`", _say_meaning(each)) for each in options]
    title = name.removeprefix("dagwarden ") if depth == 2 else name
    table = make_table(("", ""), rows) if rows else ""
    return f"{'#' * depth} {title}\n\n```\n{usage}\n```\n\n{_plain(command.help)}\n\n{table}"


def _say_argument(argument: Any) -> str:
    name = (argument.metavar or argument.name).strip("[]{}").upper()
    many = "…" if argument.nargs == -1 and not name.endswith("…") else ""
    return f"{name}{many}" if argument.required else f"[{name}{many}]"


def _say_option(option: Any) -> str:
    names = ", ".join(sorted((*option.opts, *option.secondary_opts), key=len))
    return names if option.is_flag else f"{names} {(option.metavar or option.name).strip('<>[]{}').upper()}"


def _say_meaning(option: Any) -> str:
    kind = option.type_descriptor.annotation
    among = ", ".join(str(each) for each in kind) if isinstance(kind, enum.EnumMeta) else ""
    default = "" if option.is_flag or option.default in (None, "") else str(option.default)
    more = (f"One of {among}." if among else "", f"Default: {default}." if default else "")
    return " ".join(part for part in (_plain(option.help), *more, "Required." if option.required else "") if part)


def _plain(text: str | None) -> str:
    return "\n\n".join(_one_line(part) for part in (text or "").replace("\f", "").split("\n\n"))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _duty(tree: ast.Module) -> str:
    return (ast.get_docstring(tree) or "").splitlines()[0].partition(": ")[2].rstrip(".")


def _starts(function: str) -> str:
    starts = []
    calls = [trigger for trigger in blueprint.TRIGGERS if trigger.function == function and trigger.method]
    for trigger in blueprint.TRIGGERS:
        if trigger.function == function and not trigger.method:
            bucket, topic = _role_of(trigger.bucket), trigger.topic.replace(f"-{blueprint.ENVIRONMENT}", "-ENV")
            happening = trigger.event_type.rpartition(".")[2]
            starts.append(f"object {happening} in {bucket}" if bucket else f"message on `{topic}`")
    if calls:
        services = dict.fromkeys(trigger.service.removesuffix(".googleapis.com") for trigger in calls)
        starts.append(f"{len(calls)} methods of {', '.join(services)} called ([which](docs/iam.md#iam_guard))")
    return "; ".join(starts) or "HTTP"


def _role_of(bucket: str) -> str:
    role = bucket.removeprefix(f"{blueprint.PROJECT}-")
    return "the environment's bucket" if role == blueprint.ENVIRONMENT else role


def _grants(who: str) -> str:
    places: dict[str, list[str]] = {}
    for grant in (grant for grant in blueprint.GRANTS if grant.who == who):
        where = " ".join(part for part in (_role_of(grant.bucket), _show_prefix(grant.prefix)) if part)
        places.setdefault(grant.role.removeprefix("roles/"), []).append("itself" if grant.on_account == who else where)
    return "; ".join(role + (f" on {', '.join(where)}" if any(where) else "") for role, where in places.items())


def _show_prefix(prefix: str) -> str:
    return f"`{prefix.replace(blueprint.ENVIRONMENT, 'ENV', 1)}`" if prefix else ""


def _tell(kind: Kind) -> str:
    """What the maker of entries of this kind says, else what stands under the kind."""
    for path in sorted((ROOT / "shared/dagwarden/audit/entries").glob("*.py")):
        for node in parse(path).body:
            if isinstance(node, ast.FunctionDef) and node.name == str(kind).replace(".", "_"):
                return _first_sentence(ast.get_docstring(node) or "")
    return _note_under(Kind, kind.name)


def _note_under(enumeration: type, name: str) -> str:
    """The string that stands under a member of an enumeration in its source."""
    tree = parse(Path(sys.modules[enumeration.__module__].__file__ or ""))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == enumeration.__name__)
    for node, after in zip(body, [*body[1:], ast.Pass()], strict=True):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return _one_line(ast.literal_eval(after.value)) if isinstance(after, ast.Expr) else ""
    return ""


def _first_sentence(text: str) -> str:
    return _one_line(text.partition("\n\n")[0]).rstrip(".")


if __name__ == "__main__":
    main()
