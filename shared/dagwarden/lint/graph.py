"""Which files of a tree import which: resolved as Airflow's sys.path has it, from text alone."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

import msgspec

from dagwarden.lint.imports import ROOTS, STAR, FileImports, Import, module_name, read_imports

_COMPILED = (".so", ".pyc", ".pyd")
PYTHON = (".py", *_COMPILED)
"""How the names of files end that can be imported."""


class Status(enum.Enum):
    """What becomes of an import in a tree."""

    PRESENT = "present"
    FOREIGN = "foreign"
    """Its top-level name is not in the tree: a library's, or nobody's."""
    UNKNOWN = "unknown"
    """It is of the tree, and the text does not tell."""
    MISSING_MODULE = "missing module"
    MISSING_NAME = "missing name"


MISSING = frozenset({Status.MISSING_MODULE, Status.MISSING_NAME})


class ImportGraph(msgspec.Struct, frozen=True):
    """The files of a tree and what each imports. A value: `replace` makes the next one."""

    files: Mapping[str, FileImports]
    """Every Python file."""
    modules: Mapping[str, tuple[str, ...]]
    """Dotted name -> the files that can be it: one, or one under each root."""
    folders: Mapping[str, int]
    """Dotted name of every folder with modules -> how many: it is a package, with `__init__.py` or without."""
    opaque: frozenset[str]
    """The files that are compiled modules: there, and not readable."""
    roots: tuple[str, ...] = ROOTS

    def replace(self, put: Mapping[str, FileImports | None], deleted: Iterable[str] = ()) -> ImportGraph:
        """The graph after some files were put and others deleted.

        Args:
            put: what each file imports; None for one that is no Python.
        """
        index = _Index(self)
        for path in deleted:
            index.delete(path)
        for path, imports in put.items():
            index.put(path, imports)
        return index.freeze()

    def importers(self, names: frozenset[str]) -> frozenset[str]:
        """The files that import one of these dotted names, or something in them."""
        return frozenset(path for path, file in self.files.items() if not file.mentions.isdisjoint(names))

    def status(self, found: Import) -> Status:
        """What becomes of an import in this tree."""
        parts = found.module.split(".")
        opaque = self._opaque_modules()
        for count in range(1, len(parts) + 1):
            name = ".".join(parts[:count])
            if name in opaque:
                return Status.UNKNOWN
            if name not in self.modules and name not in self.folders:
                return self._judge_absence(name, is_top=count == 1 and not found.is_relative)
        if found.name in ("", STAR) or (found.name.startswith("__") and found.name.endswith("__")):
            return Status.PRESENT
        return self._find_name(found.module, found.name)

    def _opaque_modules(self) -> frozenset[str]:
        return frozenset(_compiled_name(path, self.roots) for path in self.opaque)

    def _judge_absence(self, name: str, *, is_top: bool) -> Status:
        if is_top:
            return Status.FOREIGN
        package = name.rpartition(".")[0]
        is_open = any(self.files[path].names is None for path in self.modules.get(package, ()))
        return Status.UNKNOWN if is_open else Status.MISSING_MODULE

    def _find_name(self, module: str, name: str) -> Status:
        inner = f"{module}.{name}"
        if inner in self.modules or inner in self.folders:
            return Status.PRESENT
        if inner in self._opaque_modules():
            return Status.UNKNOWN
        names = self.names_of(module)
        if names is None:
            return Status.UNKNOWN
        return Status.PRESENT if name in names else Status.MISSING_NAME

    def names_of(self, module: str, seen: frozenset[str] = frozenset()) -> frozenset[str] | None:
        """What can be imported from a module, star imports followed; None when the text does not tell."""
        if module in seen:
            return frozenset()
        names: set[str] = set()
        for path in self.modules.get(module, ()):
            file = self.files[path]
            if file.names is None:
                return None
            names |= file.names
            for star in (each.module for each in file.imports if each.name == STAR):
                inner = self.names_of(star, seen | {module}) if star in self.modules else None
                if inner is None:
                    return None
                names |= inner
        return frozenset(names)


def build_graph(files: Mapping[str, bytes], *, roots: tuple[str, ...] = ROOTS) -> ImportGraph:
    """The graph of a whole tree.

    Args:
        roots: the folders that are on sys.path, without a slash at the end; "" is the tree's own root.
    """
    imports = {
        path: read_imports(path, content, roots=roots) if path.endswith(".py") else None
        for path, content in files.items()
    }
    return ImportGraph({}, {}, {}, frozenset(), roots).replace(imports)


def affected(graph: ImportGraph, changed: Iterable[str]) -> set[str]:
    """The files that run differently when some change: those themselves, and all that import them, however far.

    Args:
        changed: paths; those put, deleted, or no Python at all may be among them.
    """
    reached = set(changed)
    frontier = reached
    while frontier:
        names = frozenset(name for path in frontier if (name := module_name(path, graph.roots)))
        frontier = set(graph.importers(names)) - reached
        reached = reached | frontier
    return reached


# ---- keeping the index -------------------------------------------------------------------------------------------


class _Index:
    """A graph while it changes."""

    def __init__(self, graph: ImportGraph) -> None:
        self._roots = graph.roots
        self._files = dict(graph.files)
        self._modules = dict(graph.modules)
        self._folders = dict(graph.folders)
        self._opaque = set(graph.opaque)

    def freeze(self) -> ImportGraph:
        return ImportGraph(self._files, self._modules, self._folders, frozenset(self._opaque), self._roots)

    def put(self, path: str, imports: FileImports | None) -> None:
        self.delete(path)
        if imports is not None:
            self._files[path] = imports
            if name := module_name(path, self._roots):
                self._modules[name] = (*self._modules.get(name, ()), path)
        elif path.endswith(_COMPILED):
            self._opaque.add(path)
        else:
            return
        for folder in self._list_folders(path):
            self._folders[folder] = self._folders.get(folder, 0) + 1

    def delete(self, path: str) -> None:
        if path in self._files:
            del self._files[path]
            name = module_name(path, self._roots)
            others = tuple(other for other in self._modules.pop(name, ()) if other != path)
            if others:
                self._modules[name] = others
        elif path in self._opaque:
            self._opaque.remove(path)
        else:
            return
        for folder in self._list_folders(path):
            self._folders[folder] -= 1
            if not self._folders[folder]:
                del self._folders[folder]

    def _list_folders(self, path: str) -> list[str]:
        """The dotted names of the folders a file lies in, below its root."""
        name = module_name(path.rpartition("/")[0], self._roots)
        parts = name.split(".") if name else []
        return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _compiled_name(path: str, roots: tuple[str, ...]) -> str:
    """`common.fast` of `dags/common/fast.cpython-311-x86_64-linux-gnu.so`."""
    folder, _, file = path.rpartition("/")
    return module_name(f"{folder}/{file.partition('.')[0]}", roots)
