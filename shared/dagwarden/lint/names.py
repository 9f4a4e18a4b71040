"""Undefined names told apart: those met when a file is imported, and those met later, if at all."""

from __future__ import annotations

import ast
import bisect
import enum
import itertools
import re
import warnings
from collections.abc import Iterable

import msgspec

from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.import_time import (
    FunctionNode,
    find_import_time_functions,
    is_main_guard,
    is_typing_guard,
)
from dagwarden.lint.page import Page, find

UNDEFINED_AT_IMPORT = Page(
    rule="undefined-name-at-import",
    code="DW032",
    category="imports",
    severity=Severity.ERROR,
    what="Code that runs when the file is imported uses a name that nothing defines.",
    why="The import ends with a NameError and the file's DAGs vanish: the most frequent way to break production.",
    hint="Import or define the name, or mend its spelling.",
    example="dag = DAG('etl', start_date=datetime(2026, 1, 1))  # datetime is not imported\n",
    instead="from datetime import datetime\n\ndag = DAG('etl', start_date=datetime(2026, 1, 1))\n",
    limits=(
        "The name is found by ruff (F821). Code counts as run at import when it stands at the top level, in a class, "
        "a decorator or a default, or in a function that such code calls by its plain name. A warning "
        "where the file makes names at run time (`exec`, `globals().update`), where an earlier round of a loop may "
        "have made it, and for what notebooks provide (`spark`)."
    ),
    sources=("https://docs.astral.sh/ruff/rules/undefined-name/",),
)
UNDEFINED_IN_FUNCTION = Page(
    rule="undefined-name-in-function",
    code="DW033",
    category="imports",
    severity=Severity.WARNING,
    what="Code that runs after the import, if at all, uses a name that nothing defines: a function, an annotation.",
    why="The DAG loads and its task fails with a NameError, at night.",
    hint="Import or define the name, or mend its spelling.",
    example="@task\ndef load():\n    return pd.DataFrame()  # pd is not imported\n",
    instead="@task\ndef load():\n    import pandas as pd\n\n    return pd.DataFrame()\n",
    limits="The name is found by ruff (F821).",
    sources=("https://docs.astral.sh/ruff/rules/undefined-name/",),
)
NAME_RULES = (UNDEFINED_AT_IMPORT, UNDEFINED_IN_FUNCTION)

NOTEBOOK_NAMES = frozenset(
    {"spark", "sc", "sqlContext", "dbutils", "display", "displayHTML", "get_ipython", "glueContext", "getArgument"}
)
"""What Databricks, Jupyter and Glue define before the first line: a file that uses them is run there, not imported.

Source: https://docs.databricks.com/aws/en/dev-tools/databricks-utils
"""

_MAKES_NAMES = re.compile(r"\bexec\(|\b(globals|locals|vars)\(\)\.update\(|\bbuiltins\.\w+ *=|\b__builtins__\b")
_LAZY_ANNOTATIONS = re.compile(r"^from __future__ import .*\bannotations\b", re.MULTILINE)
_QUOTED = re.compile(r"`([^`]+)`")


class UndefinedName(msgspec.Struct, frozen=True):
    """One place where ruff says F821. Line and column count from 1, the column in characters."""

    message: str
    line: int
    column: int


Position = tuple[int, int]
"""A line, and the bytes of UTF-8 before it on that line."""

_NOWHERE: tuple[Position, Position] = ((0, 0), (0, 0))
_PLACED = ast.stmt | ast.expr | ast.excepthandler | ast.arg | ast.keyword | ast.alias | ast.pattern


class _Moment(enum.Enum):
    IMPORT = "import"
    LATER = "later"


def tell_apart(path: str, text: str, undefined: Iterable[UndefinedName]) -> list[Finding]:
    """One finding for each place, rated by when its code runs.

    Args:
        text: of a file that compiles, lines ending in "\\n".
    """
    places = list(undefined)
    if not places:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
    at_import = find_import_time_functions(tree)
    lines, is_lazy = text.split("\n"), _LAZY_ANNOTATIONS.search(text) is not None
    makes_names = _MAKES_NAMES.search(text) is not None
    positions = [(place.line, len(lines[place.line - 1][: place.column - 1].encode())) for place in places]
    chains, bound = _find_chains(tree, positions), _Bound()
    found = []
    for place, position in zip(places, positions, strict=True):
        chain = chains[position]
        moment = _find_moment(chain, at_import, is_lazy=is_lazy)
        page = UNDEFINED_AT_IMPORT if moment is _Moment.IMPORT else UNDEFINED_IN_FUNCTION
        finding = find(page, place.message, path=path, line=place.line, column=place.column)
        quoted = _QUOTED.search(place.message)
        name = quoted[1] if quoted else ""
        is_unsure = makes_names or name in NOTEBOOK_NAMES or bound.in_loop(chain, name)
        found.append(msgspec.structs.replace(finding, severity=Severity.WARNING) if is_unsure else finding)
    return found


def _find_chains(tree: ast.Module, positions: Iterable[Position]) -> dict[Position, list[ast.AST]]:
    """The nodes around each position, the module first, those without a place of their own (`arguments`) among them.

    An f-string is the last: where its parts stand, Python 3.11 does not tell.
    """
    chains: dict[Position, list[ast.AST]] = {position: [tree] for position in positions}
    ordered = sorted(chains)
    pending: list[tuple[ast.AST, int, int]] = [(tree, 0, len(ordered))]
    while pending:
        node, low, high = pending.pop()
        for inner in ast.iter_child_nodes(node):
            start, end = _find_span(inner)
            first, last = bisect.bisect_left(ordered, start, low, high), bisect.bisect_left(ordered, end, low, high)
            if first < last:
                for position in ordered[first:last]:
                    chains[position].append(inner)
                if not isinstance(inner, ast.JoinedStr):
                    pending.append((inner, first, last))
    return chains


def _find_span(node: ast.AST) -> tuple[Position, Position]:
    """From where to where a node reaches; nowhere for what is no text of its own, such as an operator."""
    if not isinstance(node, _PLACED):
        spans = [span for child in ast.iter_child_nodes(node) if (span := _find_span(child)) != _NOWHERE]
        return (min(start for start, _ in spans), max(end for _, end in spans)) if spans else _NOWHERE
    first = node.decorator_list[0] if isinstance(node, FunctionNode | ast.ClassDef) and node.decorator_list else node
    if node.end_lineno is None or node.end_col_offset is None:
        return _NOWHERE
    return (first.lineno, first.col_offset), (node.end_lineno, node.end_col_offset)


class _Bound:
    """The names that loops bind, each loop read once."""

    def __init__(self) -> None:
        self._names: dict[ast.AST, frozenset[str]] = {}

    def in_loop(self, chain: list[ast.AST], name: str) -> bool:
        """Whether a loop around the place binds the name further down: an earlier round may have."""
        loop = next((node for node in chain if isinstance(node, ast.For | ast.While)), None)
        if loop is not None and loop not in self._names:
            names = (node for node in ast.walk(loop) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
            self._names[loop] = frozenset(node.id for node in names)
        return loop is not None and name in self._names[loop]


def _find_moment(chain: list[ast.AST], at_import: frozenset[FunctionNode], *, is_lazy: bool) -> _Moment:
    if _is_quoted(chain):
        return _Moment.LATER
    is_local = False
    for outer, inner in itertools.pairwise(chain):
        if isinstance(outer, FunctionNode) and inner in outer.body:
            if outer not in at_import:
                return _Moment.LATER
            is_local = True
        elif _is_left_out(outer, inner) or (_is_annotation(outer, inner) and (is_lazy or _is_unread(outer, is_local))):
            return _Moment.LATER
    return _Moment.IMPORT


def _is_left_out(outer: ast.AST, inner: ast.AST) -> bool:
    """Whether `inner` does not run when `outer` does."""
    if isinstance(outer, ast.Lambda):
        return inner is outer.body
    return (
        isinstance(outer, ast.If) and inner in outer.body and (is_main_guard(outer.test) or is_typing_guard(outer.test))
    )


def _is_annotation(outer: ast.AST, inner: ast.AST) -> bool:
    if isinstance(outer, FunctionNode):
        return inner is outer.returns
    return isinstance(outer, ast.arg | ast.AnnAssign) and inner is outer.annotation


def _is_unread(outer: ast.AST, is_local: bool) -> bool:
    """Whether an annotation is one of a local variable: those are never evaluated."""
    return is_local and isinstance(outer, ast.AnnAssign)


def _is_quoted(chain: list[ast.AST]) -> bool:
    """Whether the name stands in an annotation in quotes, which nothing evaluates; an f-string is no such thing."""
    return isinstance(chain[-1], ast.Constant) and not any(isinstance(node, ast.JoinedStr) for node in chain)
