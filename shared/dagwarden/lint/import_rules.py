"""The rules on imports: whether the tree of a release has what its files import from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from dagwarden.lint.finding import Finding, Severity, sort_findings
from dagwarden.lint.graph import MISSING, ImportGraph, Status, build_graph, find_roots
from dagwarden.lint.imports import Import, When, module_name
from dagwarden.lint.page import Page, find
from dagwarden.lint.suppress import allow

_PATHS = (
    "https://airflow.apache.org/docs/apache-airflow/stable/administration-and-deployment/modules_management.html",
    "https://docs.python.org/3/reference/import.html",
)
_LIMITS = """\
Decided from text. Names of the standard library and of well-known libraries are never asked for. Silent: modules
with `__getattr__`, `globals()`, `exec()` or `sys.modules` at work, star imports from libraries, imports under
TYPE_CHECKING, and imports guarded by `except ImportError`, unless the change itself takes away what they found. A
warning: imports inside functions that are not seen to be called at import, and names whose package no other import
of the tree proves to be of the tree (an installed library may have that name)."""

MISSING_MODULE = Page(
    rule="import-of-missing-module",
    code="DW030",
    category="imports",
    severity=Severity.ERROR,
    what="A file imports a module of the tree that the tree of the release does not have.",
    why=(
        "The import fails and the file's DAGs vanish. It is the second most frequent way to break production, and the "
        "file that changed is often not the one that breaks: a helper was moved, its importers were not."
    ),
    hint="Push the module with the change, or mend the import.",
    example="from common.gpc import bucket  # dags/common has gcp.py\n",
    instead="from common.gcp import bucket\n",
    limits=_LIMITS,
    sources=_PATHS,
)
MISSING_NAME = Page(
    rule="import-of-missing-name",
    code="DW031",
    category="imports",
    severity=Severity.ERROR,
    what="A file imports a name that the module, which is of the tree, does not define.",
    why="The import fails and the file's DAGs vanish; so they do when the name was renamed in the module alone.",
    hint="Define the name in the module, or mend the import.",
    example="from common.gcp import make_bucket  # renamed to create_bucket\n",
    instead="from common.gcp import create_bucket\n",
    limits=_LIMITS,
    sources=_PATHS,
)
IMPORT_RULES = (MISSING_MODULE, MISSING_NAME)


def check_files(files: Mapping[str, bytes], linted: Collection[str]) -> list[Finding]:
    """What some files of a checkout import and it does not have; sorted.

    Args:
        files: every Python file under the checkout's dags/ and plugins/ folders, those to lint among them: of a part of
            the tree nothing can be said.
        linted: the paths to tell of.
    """
    graph = build_graph(files, roots=find_roots(files))
    return sort_findings(list(_check_files(graph, [path for path in linted if path in graph.files], None)))


def check_tree(graph: ImportGraph) -> list[Finding]:
    """What the files of a whole tree import and it does not have; sorted."""
    return sort_findings(list(_check_files(graph, graph.files, None)))


def check_change(before: ImportGraph, after: ImportGraph, changed: Iterable[str]) -> list[Finding]:
    """What a change breaks: all that its own files import and `after` does not have; and in files it does not touch,
    what was there in `before` and is no more.

    Args:
        changed: the paths put and deleted.
    """
    touched = frozenset(changed)
    names = frozenset(name for path in touched if (name := module_name(path, after.roots)))
    own = [path for path in touched if path in after.files]
    others = _find_others(before, after, names) - touched
    return sort_findings([*_check_files(after, own, before), *_check_untouched(after, others, before, touched)])


def _find_others(before: ImportGraph, after: ImportGraph, names: frozenset[str]) -> frozenset[str]:
    """The files that import a changed module, or through a star import of it what they name."""
    stars = {
        name
        for path in after.files
        for each in after.files[path].imports
        if each.name == "*" and each.module in names and (name := module_name(path, after.roots))
    }
    reached = names | stars
    while more := {
        name
        for path in after.importers(frozenset(stars))
        if any(each.name == "*" and each.module in stars for each in after.files[path].imports)
        and (name := module_name(path, after.roots)) not in reached
    }:
        stars, reached = more, reached | more
    return after.importers(frozenset(reached)) & frozenset(before.files)


def _check_untouched(
    after: ImportGraph, paths: Iterable[str], before: ImportGraph, touched: frozenset[str]
) -> Iterator[Finding]:
    for path in paths:
        for found in after.files[path].imports:
            status = after.status(found)
            if status is not Status.PRESENT and before.status(found) is Status.PRESENT:
                gone = _gone_status(status)
                if gone is not None:
                    yield from _report(
                        after, path, found, gone, was_there=True, cause=_find_cause(found, touched, after)
                    )


def _check_files(after: ImportGraph, paths: Iterable[str], before: ImportGraph | None) -> Iterator[Finding]:
    for path in paths:
        for found in after.files[path].imports:
            status = after.status(found)
            if status is Status.PRESENT or status is Status.UNKNOWN:
                continue
            was_there = before is not None and before.status(found) is Status.PRESENT
            gone = _gone_status(status) if was_there else status if status in MISSING else None
            if gone is not None and not _is_itself(path, found, after):
                yield from _report(after, path, found, gone, was_there=was_there)


def _gone_status(status: Status) -> Status | None:
    """What is wrong where an import was resolved before: a top-level name that is gone was the tree's."""
    return Status.MISSING_MODULE if status is Status.FOREIGN else status if status in MISSING else None


def _is_itself(path: str, found: Import, graph: ImportGraph) -> bool:
    """`from slack import WebClient` in dags/slack.py can only mean a library."""
    return not found.is_relative and found.module.partition(".")[0] == module_name(path, graph.roots)


def _report(
    graph: ImportGraph, path: str, found: Import, status: Status, *, was_there: bool, cause: str = ""
) -> Iterator[Finding]:
    if found.when is When.NEVER or (found.when is When.GUARDED and not was_there):
        return
    page = MISSING_MODULE if status is Status.MISSING_MODULE else MISSING_NAME
    finding = find(page, _explain(graph, found, status, cause), path=path, line=found.line, column=found.column)
    is_sure = found.when is When.IMPORT and (was_there or found.is_relative or _is_proven(graph, found))
    if not is_sure:
        finding = msgspec.structs.replace(finding, severity=Severity.WARNING)
    reason = found.allowed.get(page.rule)
    yield finding if reason is None else allow(finding, reason)


def _is_proven(graph: ImportGraph, found: Import) -> bool:
    """Whether the top-level name is the tree's for certain: some other import reaches into it and arrives."""
    top = found.module.partition(".")[0]
    return any(
        each.module.partition(".")[0] == top
        and not each.is_relative
        and ("." in each.module or each.name not in ("", "*"))
        and graph.status(each) is Status.PRESENT
        for path in graph.importers(frozenset({top}))
        for each in graph.files[path].imports
    )


def _explain(graph: ImportGraph, found: Import, status: Status, cause: str) -> str:
    by = f": {cause} took it away" if cause else ""
    if status is Status.MISSING_NAME:
        where = " and ".join(graph.modules.get(found.module, ())) or f"the folder of `{found.module}`"
        return f"`{found.name}` is imported from `{found.module}`, but {where} does not define it{by}"
    parts = found.module.split(".")
    known = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    missing = next((name for name in known if name not in graph.modules and name not in graph.folders), found.module)
    return f"`{found.module}` is imported, but the release has no module `{missing}`{by}"


def _find_cause(found: Import, touched: frozenset[str], graph: ImportGraph) -> str:
    """The changed file that most nearly is what was imported."""
    names = {module_name(path, graph.roots): path for path in sorted(touched)}
    inner = f"{found.module}.{found.name}" if found.name else found.module
    parts = inner.split(".")
    nearest = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return next((names[name] for name in nearest if name in names), "the change")
