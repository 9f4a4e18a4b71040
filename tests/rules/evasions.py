"""The ways a person would try to get past a rule: each rewrites a source into another that does the same."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Mapping


def rename_imports(source: str) -> str:
    """`from x import y` -> `from x import y as y_`, `import x as z` -> `import x as z_`."""
    tree = ast.parse(source)
    renamed: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                local = alias.asname or alias.name
                if "." not in local and local != "*":
                    alias.asname = renamed[local] = f"{local}_"
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in renamed:
            node.id = renamed[node.id]
    return ast.unparse(tree)


class _ThroughModule(ast.NodeTransformer):
    def __init__(self, tree: ast.AST) -> None:
        self.origins = {
            alias.asname or alias.name: (f"m_{node.module.replace('.', '_')}", alias.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module and not node.level
            for alias in node.names
        }

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        module = node.module or ""
        return ast.Import([ast.alias(module, f"m_{module.replace('.', '_')}")])

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id not in self.origins or not isinstance(node.ctx, ast.Load):
            return node
        module, name = self.origins[node.id]
        return ast.Attribute(ast.Name(module, ast.Load()), name, ast.Load())


def reach_through_module(source: str) -> str:
    """`from x import y; y()` -> `import x as m_x; m_x.y()`."""
    tree = ast.parse(source)
    return ast.unparse(ast.fix_missing_locations(_ThroughModule(tree).visit(tree)))


class _Unpacked(ast.NodeTransformer):
    def __init__(self, make: Callable[[list[ast.keyword]], ast.expr]) -> None:
        self.make = make

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        named = [keyword for keyword in node.keywords if keyword.arg]
        if named:
            others = [keyword for keyword in node.keywords if not keyword.arg]
            node.keywords = [*others, ast.keyword(None, self.make(named))]
        return node


def unpack_dictionaries(source: str) -> str:
    """`f(a=1)` -> `f(**{"a": 1})`."""

    def make(named: list[ast.keyword]) -> ast.expr:
        return ast.Dict([ast.Constant(keyword.arg) for keyword in named], [keyword.value for keyword in named])

    return ast.unparse(ast.fix_missing_locations(_Unpacked(make).visit(ast.parse(source))))


def unpack_dict_calls(source: str) -> str:
    """`f(a=1)` -> `f(**dict(a=1))`."""

    def make(named: list[ast.keyword]) -> ast.expr:
        return ast.Call(ast.Name("dict", ast.Load()), [], named)

    return ast.unparse(ast.fix_missing_locations(_Unpacked(make).visit(ast.parse(source))))


class _InPieces(ast.NodeTransformer):
    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        return node if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        node.values = [self.visit(value) for value in node.values]
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if not isinstance(node.value, str) or len(node.value) < 4:
            return node
        half = len(node.value) // 2
        return ast.BinOp(ast.Constant(node.value[:half]), ast.Add(), ast.Constant(node.value[half:]))


def concatenate(source: str) -> str:
    """`"abcd"` -> `"ab" + "cd"`."""
    return ast.unparse(ast.fix_missing_locations(_InPieces().visit(ast.parse(source))))


def _wrap(*lines: str, end: str = "") -> Callable[[str], str]:
    def wrap(source: str) -> str:
        return "\n".join([*lines, textwrap.indent(source, "    " * len(lines)), end])

    return wrap


EVASIONS: Mapping[str, Callable[[str], str]] = {
    "alias": rename_imports,
    "module": reach_through_module,
    "dictionary": unpack_dictionaries,
    "dict-call": unpack_dict_calls,
    "concatenation": concatenate,
    "nested": _wrap("def outer():", "    def inner():", end="    inner()\nouter()\n"),
    "if": _wrap("if PROD:"),
    "try": _wrap("try:", end="except ImportError:\n    pass\n"),
}
"""By kind. Where a source has nothing that the kind changes, the same comes out."""
