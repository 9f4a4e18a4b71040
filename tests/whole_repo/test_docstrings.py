"""Everything public in the library says what is true afterwards, in its docstring."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.whole_repo.repository import Module, library, local_cloud, mains

Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public(tree: ast.Module) -> Iterator[Defined]:
    """Public functions, classes, and the public methods of public classes."""
    for node in tree.body:
        if isinstance(node, Defined) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (part for part in node.body if isinstance(part, Defined) and not part.name.startswith("_"))


def overrides(node: Defined) -> bool:
    return any(ast.unparse(mark).endswith(("override", "overload", "setter")) for mark in node.decorator_list)


@pytest.mark.parametrize("module", library(), ids=lambda each: each.name)
def test_everything_public_has_a_docstring(module: Module) -> None:
    silent = [node.name for node in public(module.tree) if not ast.get_docstring(node) and not overrides(node)]
    assert silent == []


def test_every_module_says_its_duty() -> None:
    def is_silent(module: Module) -> bool:
        return bool(module.tree.body) and not ast.get_docstring(module.tree)

    assert [module.name for module in [*library(), *local_cloud(), *mains()] if is_silent(module)] == []
