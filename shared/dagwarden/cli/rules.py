"""`dagwarden rules`: every rule there is, and the page of one."""

from __future__ import annotations

from typing import Annotated

import typer

from dagwarden.cli.options import JsonOption
from dagwarden.cli.output import print_json, print_line, print_table
from dagwarden.documents import suggest
from dagwarden.errors import InvalidInput
from dagwarden.lint.page import Page
from dagwarden.policy.rules import list_pages


def rules(
    rule: Annotated[str | None, typer.Argument(help="Id or code of one rule.", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """List the rules a push is held to, or show what one means, why it matters and what to do."""
    if rule is not None:
        page = find_page(rule)
        print_json(page) if as_json else print_line(render_page(page))
    elif as_json:
        print_json(list_pages())
    else:
        rows = [(page.code, page.rule, rate_page(page), " ".join(page.what.split())) for page in list_pages()]
        print_table(("code", "rule", "severity", "what it finds"), rows)


def find_page(word: str) -> Page:
    """The page of a rule by its id or code.

    Raises:
        InvalidInput: there is no such rule.
    """
    pages = {key: page for page in list_pages() for key in (page.rule, page.code)}
    if word not in pages:
        raise InvalidInput(f"`{word}` is no rule{suggest(word, list(pages))}", operation="show rule")
    return pages[word]


def rate_page(page: Page) -> str:
    """How a rule is rated by default, in a word or two."""
    return f"{page.severity}, opt-in" if page.opt_in else str(page.severity)


def render_page(page: Page) -> str:
    """The page of a rule as Markdown, under the headings that every page has."""
    said = [page.severity, page.category, f"since {page.since}"]
    said += [f"for Airflow {page.airflow[0]}.{page.airflow[1]} and later"] if page.airflow > (0, 0) else []
    said += ["opt-in: silent unless the policy gives it a level"] if page.opt_in else []
    head = f"# {page.rule} ({page.code})\n\n{', '.join(said)}\n"
    sections = (
        ("What it does", page.what),
        ("Why is this bad", page.why),
        ("Example", _fence(page.example)),
        ("Use instead", _fence(page.instead) or page.hint),
        ("Known limits", page.limits),
        ("In a policy", page.fixed and f"It cannot be turned below enforce: {page.fixed}."),
        ("Sources", "\n".join(f"- {source}" for source in page.sources)),
    )
    return head + "".join(f"\n## {title}\n\n{text.strip()}\n" for title, text in sections if text)


def _fence(code: str) -> str:
    return f"```python\n{code.rstrip()}\n```" if code else ""
