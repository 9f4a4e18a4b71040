"""The glob language of `matchGlob`."""

from __future__ import annotations

import re

# Source: https://cloud.google.com/storage/docs/json_api/v1/objects/list#list-objects-and-prefixes-using-glob
_SYMBOL = re.compile(r"\*\*/|\*\*|\*|\?|\[[^\]]+\]|\{|\}|,|\\.|.", re.DOTALL)
_MEANING = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def compile_glob(glob: str) -> re.Pattern[str]:
    """The pattern whose `fullmatch` accepts what `glob` means.

    `*` stays within a folder, `**` does not; `?`, `[a-z]`, `[!a-z]` and `{a,b}` work as in shells.

    >>> bool(compile_glob("dags/**/*.{py,sql}").fullmatch("dags/a/b/c.sql"))
    True
    >>> bool(compile_glob("*.py").fullmatch("dags/a.py"))
    False

    Raises:
        re.error: the glob makes no sense (an unbalanced brace, a reversed range).
    """
    depth = 0
    parts: list[str] = []
    for symbol in _SYMBOL.findall(glob):
        if symbol == "{":
            depth += 1
            parts.append("(?:")
        elif symbol == "}":
            depth -= 1
            parts.append(")")
        elif symbol == "," and depth:
            parts.append("|")
        else:
            parts.append(_translate(symbol))
    return re.compile("".join(parts), re.DOTALL)


def _translate(symbol: str) -> str:
    if symbol in _MEANING:
        return _MEANING[symbol]
    if symbol.startswith("[") and len(symbol) > 2:
        body = symbol[1:-1].replace("\\", "\\\\")
        return f"[^{body[1:]}]" if body.startswith(("!", "^")) else f"[{body}]"
    return re.escape(symbol[-1] if symbol.startswith("\\") else symbol)
