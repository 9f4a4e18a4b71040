"""The rules on imports: whether the tree of a release has what its files import from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import msgspec

from dagwarden.lint.finding import Finding, Severity, sort_findings
from dagwarden.lint.graph import MISSING, ImportGraph, Status
from dagwarden.lint.imports import Import, When, module_name
from dagwarden.lint.page import Page, find
from dagwarden.lint.suppress import NEED_TREE, Suppression, allow, tell_unused

_PATHS = (
    "https://airflow.apache.org/docs/apache-airflow/stable/administration-and-deployment/modules_management.html",
    "https://docs.python.org/3/reference/import.html",
)
_LIMITS = """\
Decided from text. Names of the standard library and of well-known libraries are never asked for. Silent: modules
with `__getattr__`, `globals()`, `exec()` or `sys.modules` at work, star imports from libraries, imports under
TYPE_CHECKING, and imports guarded by `except ImportError`, unless the change itself takes away what they found. A
warning: imports inside functions that are not seen to be called at import, and names whose package no other import
of the tree proves to be of the tree (an installed library may have that name); packages that go away as a whole,
unless they are seen to have moved within the tree or others stopped to import them (a library or the image may have
them now)."""

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


def check_part(graph: ImportGraph, paths: Collection[str]) -> list[Finding]:
    """What some files of a whole tree import and it does not have; and what the others import from these files, or
    from beside them in the same package, and do not find there. Sorted.

    That a change took it away cannot be seen from one tree: what others lacked before is told as well.
    """
    own = [path for path in paths if path in graph.files]
    names = frozenset(module_name(path, graph.roots) for path in own)
    packages = frozenset(name.rpartition(".")[0] for name in names) - {""}
    others = graph.importers(names | packages) - frozenset(own)
    return sort_findings([*_check_files(graph, own, None), *_check_beside(others, names, packages, graph)])


def _check_beside(
    paths: Iterable[str], names: frozenset[str], packages: frozenset[str], graph: ImportGraph
) -> Iterator[Finding]:
    """What files import from these modules, or from beside them in these packages, and do not find there."""
    for path in paths:
        for found in graph.files[path].imports:
            status = graph.status(found)
            is_near = found.module in names | packages or found.module.rpartition(".")[0] in packages
            if status in MISSING and is_near and not _is_itself(path, found, graph):
                yield from _report(path, found, status, graph, None)


def check_change(before: ImportGraph, after: ImportGraph, changed: Iterable[str]) -> list[Finding]:
    """What a change breaks: all that its own files import and `after` does not have; and in files it does not touch,
    what was there in `before` and is no more.

    Args:
        changed: the paths put and deleted.
    """
    change = _Change(before, after, frozenset(changed))
    names = frozenset(name for path in change.touched if (name := module_name(path, after.roots)))
    own = [path for path in change.touched if path in after.files]
    others = _find_others(before, after, names) - change.touched
    return sort_findings([*_check_files(after, own, change), *_check_untouched(others, change)])


class _Change(msgspec.Struct, frozen=True):
    """Two trees, and the paths put and deleted between them."""

    before: ImportGraph
    after: ImportGraph
    touched: frozenset[str]

    def had(self, found: Import) -> bool:
        """Whether an import of today would have worked yesterday."""
        return self.before.status(found) is Status.PRESENT

    def is_forgotten(self, found: Import) -> bool:
        """Whether a top-level name that is gone altogether moved within the tree, or others stopped to import it.

        Where neither is seen, a library or the image may have it from now on.
        """
        top = found.module.partition(".")[0]
        mentions = [(path, self.before.files[path].mentions) for path in self.touched if path in self.before.files]
        dropped = any(
            top in old and path in self.after.files and top not in self.after.files[path].mentions
            for path, old in mentions
        )
        return dropped or any(self._find_copies(top))

    def _find_copies(self, top: str) -> Iterator[str]:
        """The new files that are called as a deleted one under `top` was, or define all that it did."""
        before, after = self.before.files, self.after.files
        new = [path for path in self.touched if path in after and path not in before]
        for path in self.touched:
            if path in after or module_name(path, self.after.roots).partition(".")[0] != top or path not in before:
                continue
            file, names = path.rpartition("/")[2], before[path].names
            for other in new:
                same_names = bool(names) and names is not None and names <= (after[other].names or frozenset())
                if same_names or (file != "__init__.py" and other.endswith(f"/{file}")):
                    yield other


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


def _check_untouched(paths: Iterable[str], change: _Change) -> Iterator[Finding]:
    for path in paths:
        for found in change.after.files[path].imports:
            status = change.after.status(found)
            if status is not Status.PRESENT and change.had(found):
                yield from _report(path, found, status, change.after, change, is_own=False)


def _check_files(after: ImportGraph, paths: Iterable[str], change: _Change | None) -> Iterator[Finding]:
    for path in paths:
        file, met = after.files[path], set[tuple[int, str]]()
        for found in file.imports:
            status = after.status(found)
            if status is Status.PRESENT or _is_itself(path, found, after):
                continue
            for finding in _report(path, found, status, after, change if change and change.had(found) else None):
                yield finding
                if finding.allows:
                    met |= {(found.line, finding.allows.rule), (found.statement_line, finding.allows.rule)}
        yield from _find_unused(path, file.allowed, met)


def _find_unused(path: str, allowed: Iterable[Suppression], met: Collection[tuple[int, str]]) -> Iterator[Finding]:
    """Tell of those comments that met nothing: of these rules, one file alone does not show it."""
    for suppression in allowed:
        for rule in sorted(NEED_TREE.intersection(suppression.rules)):
            if (suppression.target, rule) not in met:
                yield tell_unused(path, suppression, rule)


def _is_itself(path: str, found: Import, graph: ImportGraph) -> bool:
    """`from slack import WebClient` in dags/slack.py can only mean a library."""
    return not found.is_relative and found.module.partition(".")[0] == module_name(path, graph.roots)


def _report(
    path: str, found: Import, status: Status, graph: ImportGraph, change: _Change | None, *, is_own: bool = True
) -> Iterator[Finding]:
    """Tell of an import that does not arrive, if it is the tree's.

    Args:
        change: what took it away; None when it was not there before.
    """
    is_gone = status is Status.FOREIGN and change is not None
    if not is_gone and status not in MISSING:
        return
    if found.when is When.NEVER or (found.when is When.GUARDED and change is None):
        return
    page = MISSING_NAME if status is Status.MISSING_NAME else MISSING_MODULE
    message = _explain(graph, found, status)
    if change is not None and not is_own:
        message += f": {_find_cause(found, change.touched, graph)} took it away"
    finding = find(page, message, path=path, line=found.line, column=found.column)
    if found.when is not When.IMPORT or not _is_local(graph, found, change, is_gone=is_gone):
        finding = msgspec.structs.replace(finding, severity=Severity.WARNING)
    lines = (found.line, found.statement_line)
    allowed = (each for each in graph.files[path].allowed if each.target in lines and page.rule in each.rules)
    suppression = next(allowed, None)
    yield allow(finding, suppression.reason) if suppression else finding


def _is_local(graph: ImportGraph, found: Import, change: _Change | None, *, is_gone: bool) -> bool:
    """Whether it is the tree's for certain, and no library of that name."""
    if change is None:
        return found.is_relative or _is_proven(graph, found)
    return not is_gone or change.is_forgotten(found)


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


def _explain(graph: ImportGraph, found: Import, status: Status) -> str:
    if status is Status.MISSING_NAME:
        where = " and ".join(graph.modules.get(found.module, ())) or f"the folder of `{found.module}`"
        return f"`{found.name}` is imported from `{found.module}`, but {where} does not define it"
    parts = found.module.split(".")
    known = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    missing = next((name for name in known if name not in graph.modules and name not in graph.folders), found.module)
    return f"`{found.module}` is imported, but the release has no module `{missing}`"


def _find_cause(found: Import, touched: frozenset[str], graph: ImportGraph) -> str:
    """The changed file that most nearly is what was imported."""
    names = {module_name(path, graph.roots): path for path in sorted(touched)}
    inner = f"{found.module}.{found.name}" if found.name else found.module
    parts = inner.split(".")
    nearest = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return next((names[name] for name in nearest if name in names), "the change")
