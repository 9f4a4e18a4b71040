"""What one file imports, and what others can import from it."""

from __future__ import annotations

import ast
import enum
import functools
import sys
import warnings
from collections.abc import Iterator

import msgspec

from dagwarden.lint.import_time import (
    FunctionNode,
    find_import_time_functions,
    is_main_guard,
    is_typing_guard,
    walk_now,
)
from dagwarden.lint.libraries import is_library
from dagwarden.lint.suppress import NEED_TREE, Suppression, read_suppressions

STAR = "*"
ROOTS = ("dags", "plugins")
"""The folders Airflow puts on sys.path, by their place in a release.

Source: `airflow/settings.py` prepare_syspath_for_config_and_plugins, `airflow/dag_processing/dagbag.py` BundleDagBag.
"""

_OPEN_WORDS = ("globals()", "vars()", "locals()", "exec(", "sys.modules", "__path__")
"""A module with one of these may have names that its text does not show."""

_SIMPLE = frozenset({ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Assert, ast.Pass, ast.Raise})
"""The statements that most files consist of: they hold no others."""

_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


class When(enum.IntEnum):
    """When an import runs."""

    IMPORT = 0
    """As the file is imported."""
    CALL = 1
    """When a function is called."""
    GUARDED = 2
    """Inside a `try` whose handlers take an ImportError, or inside such a handler."""
    NEVER = 3
    """Under TYPE_CHECKING or `__name__ == "__main__"`."""


class Import(msgspec.Struct, frozen=True, gc=False):
    """One name imported: `import module`, or `from module import name`."""

    module: str
    """Dotted, from the root; a relative one is resolved."""
    name: str
    """Empty for the module alone, `*` for all."""
    line: int
    column: int
    when: When
    statement_line: int
    """Where the statement starts: names in brackets stand on lines of their own."""
    is_relative: bool = False


class FileImports(msgspec.Struct, frozen=True, gc=False):
    """What the import graph keeps of a file: a kilobyte or two."""

    imports: tuple[Import, ...]
    """Of names that may be in the tree: those of well-known libraries are left out."""
    names: frozenset[str] | None
    """What the module's top level binds; None when its text does not tell."""
    mentions: frozenset[str]
    """Every dotted name whose change can change this file: modules, the packages they lie in, names taken from them."""
    allowed: tuple[Suppression, ...] = ()
    """The comments that allow, with a reason, what only the whole tree tells."""


UNREADABLE = FileImports((), None, frozenset())
"""Of a file that does not compile: another rule says so. Of one that was not read, too."""


def module_name(path: str, roots: tuple[str, ...] = ROOTS) -> str:
    """The dotted name under which a file or folder can be imported; empty when it lies outside the roots.

    >>> module_name("dags/common/gcp.py"), module_name("plugins/helpers/__init__.py"), module_name("data/a.py")
    ('common.gcp', 'helpers', '')
    """
    for root in roots:
        if not root or path.startswith(f"{root}/"):
            inner = path[len(root) + 1 :] if root else path
            return inner.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return ""


def read_imports(path: str, content: bytes, *, roots: tuple[str, ...] = ROOTS) -> FileImports:
    """Read one Python file; `UNREADABLE` when it does not compile."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return UNREADABLE
    text = content.decode("utf-8", "replace")
    reader = _Reader(_find_package(path, roots), tree, "import_module(" in text)
    reader.read(tree.body, When.IMPORT, is_module=True)
    is_open = reader.is_open or any(word in text for word in _OPEN_WORDS)
    if ":=" in text:
        reader.names.update(node.target.id for node in ast.walk(tree) if isinstance(node, ast.NamedExpr))
    if "global " in text:
        reader.names.update(name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names)
    return FileImports(
        imports=tuple(reader.imports),
        names=None if is_open else frozenset(map(sys.intern, reader.names)),
        mentions=frozenset(name for each in reader.imports for name in _list_mentions(each)),
        allowed=tuple(_read_allowed(text)),
    )


def _find_package(path: str, roots: tuple[str, ...]) -> tuple[str, ...] | None:
    """The parts of the package a file lies in, none for a root itself; None outside the roots."""
    if not module_name(path, roots):
        return None
    folder = path.rpartition("/")[0]
    return tuple(part for part in module_name(folder, roots).split(".") if part)


def _list_mentions(found: Import) -> Iterator[str]:
    parts = found.module.split(".")
    for count in range(1, len(parts) + 1):
        yield sys.intern(".".join(parts[:count]))
    if found.name not in ("", STAR):
        yield sys.intern(f"{found.module}.{found.name}")


def _read_allowed(text: str) -> Iterator[Suppression]:
    if "dagwarden:" in text:
        for each in read_suppressions(text.replace("\r\n", "\n").replace("\r", "\n")):
            if each.reason and not NEED_TREE.isdisjoint(each.rules):
                yield each


class _Reader:
    """Walks the statements of a file, and of its expressions only those that can import."""

    def __init__(self, package: tuple[str, ...] | None, tree: ast.Module, reads_calls: bool) -> None:
        self.imports: list[Import] = []
        self.names: set[str] = set()
        self.is_open = False
        self._package = package
        self._tree = tree
        self._reads_calls = reads_calls

    def read(self, body: list[ast.stmt], when: When, *, is_module: bool) -> None:
        """Read statements that run at `when`; those of the module's own scope bind its names."""
        for statement in body:
            if is_module:
                self._bind(statement)
            if self._reads_calls:
                self._read_calls(statement, when)
            if type(statement) not in _SIMPLE:
                self._read_statement(statement, when, is_module)

    def _read_statement(self, statement: ast.stmt, when: When, is_module: bool) -> None:
        match statement:
            case ast.Import() | ast.ImportFrom():
                self._read_import(statement, when)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._read_function(statement, when)
            case ast.ClassDef():
                self.read(statement.body, when, is_module=False)
            case ast.If():
                never = is_typing_guard(statement.test) or is_main_guard(statement.test)
                self.read(statement.body, When.NEVER if never else when, is_module=is_module)
                self.read(statement.orelse, when, is_module=is_module)
            case ast.Try() | ast.TryStar():
                self._read_try(statement, when, is_module)
            case ast.Match():
                for case in statement.cases:
                    self.read(case.body, when, is_module=is_module)
            case ast.With() | ast.AsyncWith():
                inner = max(when, When.GUARDED) if _suppresses(statement) else when
                self.read(statement.body, inner, is_module=is_module)
            case ast.For() | ast.AsyncFor() | ast.While():
                self.read(statement.body + statement.orelse, when, is_module=is_module)

    def _read_function(self, function: FunctionNode, when: When) -> None:
        """What functions run at import is found out only where one of them imports: that takes longer than the rest."""
        before = len(self.imports)
        self.read(function.body, max(when, When.CALL), is_module=False)
        if len(self.imports) > before and when is When.IMPORT and function in self._at_import:
            del self.imports[before:]
            self.read(function.body, when, is_module=False)

    @functools.cached_property
    def _at_import(self) -> frozenset[FunctionNode]:
        return find_import_time_functions(self._tree)

    def _read_try(self, statement: ast.Try | ast.TryStar, when: When, is_module: bool) -> None:
        guarded = max(when, When.GUARDED) if any(map(_takes_import_error, statement.handlers)) else when
        self.read(statement.body, guarded, is_module=is_module)
        for handler in statement.handlers:
            if is_module and handler.name:
                self.names.add(handler.name)
            self.read(handler.body, guarded, is_module=is_module)
        self.read(statement.orelse + statement.finalbody, when, is_module=is_module)

    def _read_import(self, statement: ast.Import | ast.ImportFrom, when: When) -> None:
        for alias in statement.names:
            if isinstance(statement, ast.Import):
                self._add(alias.name, "", alias, statement, when)
            elif (module := self._resolve(statement)) is not None:
                self._add(module, alias.name, alias, statement, when, is_relative=statement.level > 0)

    def _read_calls(self, statement: ast.stmt, when: When) -> None:
        """`importlib.import_module("a.b")` in the statement's own expressions."""
        for expression in ast.iter_child_nodes(statement):
            if not isinstance(expression, ast.expr):
                continue
            for node in walk_now(expression):
                if isinstance(node, ast.Call) and (module := _read_import_module(node)):
                    self._add(module, "", node, statement, when)

    def _add(
        self,
        module: str,
        name: str,
        node: ast.alias | ast.Call,
        statement: ast.stmt,
        when: When,
        *,
        is_relative: bool = False,
    ) -> None:
        if is_relative or not is_library(module):
            place = (node.lineno, node.col_offset + 1, when, statement.lineno)
            self.imports.append(Import(sys.intern(module), sys.intern(name), *place, is_relative))

    def _resolve(self, statement: ast.ImportFrom) -> str | None:
        """The absolute name of what a `from` names; None when it lies outside the roots."""
        if statement.level == 0:
            return statement.module
        if self._package is None or statement.level - 1 > len(self._package):
            return None
        parts = self._package[: len(self._package) - statement.level + 1]
        return ".".join([*parts, *([statement.module] if statement.module else [])]) or None

    def _bind(self, statement: ast.stmt) -> None:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.names.add(statement.name)
                self.is_open |= statement.name == "__getattr__"
            case ast.Import():
                self.names.update(alias.asname or alias.name.partition(".")[0] for alias in statement.names)
            case ast.ImportFrom():
                self._bind_from(statement)
            case ast.Assign():
                self.names.update(name for target in statement.targets for name in _list_names(target))
            case ast.AnnAssign() | ast.AugAssign() | ast.For() | ast.AsyncFor():
                self.names.update(_list_names(statement.target))
            case ast.With() | ast.AsyncWith():
                targets = [item.optional_vars for item in statement.items if item.optional_vars is not None]
                self.names.update(name for target in targets for name in _list_names(target))
            case ast.Match():
                self.is_open = True

    def _bind_from(self, statement: ast.ImportFrom) -> None:
        for alias in statement.names:
            if alias.name != STAR:
                self.names.add(alias.asname or alias.name)
            elif (module := self._resolve(statement)) is None or (statement.level == 0 and is_library(module)):
                self.is_open = True


def _list_names(target: ast.expr) -> Iterator[str]:
    """The names an assignment to `target` binds; not those bound by `:=` in an index."""
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Tuple | ast.List):
        for element in target.elts:
            yield from _list_names(element)
    elif isinstance(target, ast.Starred):
        yield from _list_names(target.value)


def _takes_import_error(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or any(_last_name(node) in _IMPORT_ERRORS for node in ast.walk(handler.type))


def _suppresses(statement: ast.With | ast.AsyncWith) -> bool:
    """Whether it is `with contextlib.suppress(ImportError)`."""
    calls = [item.context_expr for item in statement.items if isinstance(item.context_expr, ast.Call)]
    return any(
        _last_name(call.func) == "suppress" and any(_last_name(argument) in _IMPORT_ERRORS for argument in call.args)
        for call in calls
    )


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _read_import_module(call: ast.Call) -> str:
    """The literal absolute name given to `import_module`; empty when it is no such call."""
    if _last_name(call.func) != "import_module" or len(call.args) != 1 or not isinstance(call.args[0], ast.Constant):
        return ""
    value = call.args[0].value
    return value if isinstance(value, str) and all(part.isidentifier() for part in value.split(".")) else ""
