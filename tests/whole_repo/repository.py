"""The repository as data: its tracked files, its modules, what each imports."""

from __future__ import annotations

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "shared" / "dagwarden"
LOCAL_CLOUD = ROOT / "infra" / "local" / "localcloud"
FUNCTIONS = ROOT / "functions"


class Module(msgspec.Struct, frozen=True):
    """One Python file of the product, by its dotted name."""

    name: str
    path: Path

    @property
    def tree(self) -> ast.Module:
        return parse(self.path)

    def imports(self) -> set[str]:
        """Dotted names it imports when it runs; what only type checkers see is left out."""
        unseen = {id(part) for block in _typing_blocks(self.tree) for part in ast.walk(block)}
        seen = (node for node in ast.walk(self.tree) if id(node) not in unseen)
        return {name for node in seen for name in _imported(node, self)}

    def mentions(self) -> set[str]:
        """Every dotted expression in it, as `os.environ` or `dt.datetime.now`, and every called plain name."""
        found = {ast.unparse(node) for node in ast.walk(self.tree) if isinstance(node, ast.Attribute)}
        calls = (node.func for node in ast.walk(self.tree) if isinstance(node, ast.Call))
        return found | {f"{call.id}()" for call in calls if isinstance(call, ast.Name)}


@functools.cache
def parse(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def list_modules(folder: Path, package: str) -> list[Module]:
    """All modules of a package, with their dotted names."""
    modules = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        name = ".".join((package, *parts)).removesuffix(".__init__")
        modules.append(Module(name, path))
    return modules


def library() -> list[Module]:
    """The modules of shared/dagwarden."""
    return list_modules(LIBRARY, "dagwarden")


def local_cloud() -> list[Module]:
    """The modules of infra/local/localcloud."""
    return list_modules(LOCAL_CLOUD, "localcloud")


def mains() -> list[Module]:
    """The deployable main.py of each function, named after the function."""
    return [Module(path.parent.name, path) for path in sorted(FUNCTIONS.glob("*/main.py"))]


def tracked_files() -> list[Path]:
    """Files that git tracks and that are there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def lies_in(name: str, places: tuple[str, ...] | set[str]) -> bool:
    """Whether a dotted name is one of these, or within one."""
    return any(name == place or name.startswith(f"{place}.") for place in places)


def _typing_blocks(tree: ast.Module) -> Iterator[ast.If]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield node


def _imported(node: ast.AST, inside: Module) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        source = ".".join(part for part in (_base(inside, node.level), node.module) if part)
        modules = [f"{source}.{alias.name}" for alias in node.names]
        return [source, *(name for name in modules if _is_module(name))]
    return []


def _base(inside: Module, level: int) -> str:
    """The package that a relative import starts from; empty for an absolute one."""
    parts = inside.name.split(".")
    up = level - (inside.path.name == "__init__.py")
    return ".".join(parts[: len(parts) - up]) if level else ""


def _is_module(name: str) -> bool:
    path = ROOT / "shared" / Path(*name.split("."))
    return name.startswith("dagwarden.") and (path.with_suffix(".py").is_file() or path.is_dir())
