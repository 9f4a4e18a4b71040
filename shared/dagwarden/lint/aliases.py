"""A file with every renamed import written as rules know it, so that rules need not follow imports.

`from airflow.models import Variable as V; V.get("x")` is matched as `Variable.get("x")`, and `from subprocess import
run; run(...)` as `subprocess.run(...)`. Rules name what they look for under `metadata.names`; ast-grep's own tools,
which know nothing of that, see such a rule find the plain spelling only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from ast_grep_py import SgNode

from dagwarden.lint.rewritten import Replacement, replace

# A line feed stands before each line, the first included: it is what these look for first, which is fast.
_IMPORT = re.compile(
    r"\n[ \t]*+(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(?:\(([^()]*)\)|([^(\n][^\n]*))"
    r"|import[ \t]+([\w.]+[ \t]+as[ \t]+\w+))"
)
# Within a block there is a blank before the sign of equality: the last argument of a call has none.
_ASSIGNED = re.compile(r"\n(?:[ \t]++(?=\w++[ \t]))?+(\w++)[ \t]*+=[ \t]*+([A-Za-z_]\w*+)[ \t]*+(?=[\n#]|\Z)")
_DEFINED = re.compile(r"\n[ \t]*+(?:def|class)[ \t]+(\w+)")
_COMMENT = re.compile(r"#[^\n]*")
_NO_USE = frozenset(
    {"dotted_name", "aliased_import", "keyword_argument", "attribute", "parameters", "default_parameter",
     "typed_parameter", "typed_default_parameter", "lambda_parameters"}
)  # fmt: skip

MAX_KNOWN, MAX_LENGTH = 2_000, 1_000
"""How many import statements are remembered at most, and up to which length, whatever files import."""


class Names(msgspec.Struct, frozen=True):
    """Qualified names, and how rules spell each; `*` in a name stands for any text, in a spelling for its last word."""

    pattern: re.Pattern[str]
    spellings: tuple[str, ...]
    known: dict[tuple[str, str], dict[str, str]]
    """What was asked before: files of one project import the same names, in the same words."""

    def spell(self, module: str, imported: str) -> dict[str, str]:
        """Local name -> spelling, of what `from module import imported` imports and rules ask for; without a module,
        of `import imported`."""
        found = self.known.get((module, imported))
        if found is None:
            found = dict(self._spell_all(f"{module}." if module else "", imported))
            if len(self.known) >= MAX_KNOWN:
                self.known.clear()
            if len(imported) <= MAX_LENGTH:
                self.known[module, imported] = found
        return found

    def _spell_all(self, prefix: str, imported: str) -> Iterator[tuple[str, str]]:
        for item in _COMMENT.sub("", imported).split(","):
            words = item.split()
            if len(words) == 1 or (len(words) == 3 and words[1] == "as"):
                match = self.pattern.fullmatch(f"{prefix}{words[0]}")
                if match and match.lastindex is not None:
                    yield words[-1], self.spellings[match.lastindex - 1].replace("*", words[0].rpartition(".")[2])


def collect_names(tables: Iterable[Mapping[str, str]]) -> Names:
    """What the rules ask for, taken together: a whole name goes before those that `*` stands for."""
    asked = {name: spelling for table in tables for name, spelling in table.items()}
    merged = dict(sorted(asked.items(), key=lambda item: "*" in item[0]))
    globs = ("({})".format(re.escape(name).replace(r"\*", ".*")) for name in merged)
    return Names(re.compile("|".join(globs) or r"(?!)"), tuple(merged.values()), {})


def find_aliases(text: str, names: Names) -> dict[str, str]:
    """Local names of the file that rules would spell otherwise: local name -> spelling.

    >>> names = collect_names([{"airflow.*.Variable": "Variable", "requests.*": "requests.*"}])
    >>> find_aliases("from airflow.models import Variable as V\\nfrom requests import get\\n", names)
    {'V': 'Variable', 'get': 'requests.get'}
    """
    lines = f"\n{text}"
    spellings: dict[str, str] = {}
    for match in _IMPORT.finditer(lines):
        spellings.update(names.spell(match[1] or "", match[2] or match[3] or match[4] or ""))
    for match in _ASSIGNED.finditer(lines):
        if match[2] in spellings:
            spellings[match[1]] = spellings[match[2]]
    aliases = {local: spelling for local, spelling in spellings.items() if spelling != local}
    own = {match[1] for match in _DEFINED.finditer(lines)} if aliases else set()
    return {local: spelling for local, spelling in aliases.items() if local not in own}


def list_renamed(root: SgNode, aliases: Mapping[str, str]) -> Iterator[Replacement]:
    """Where these names are used, and how rules spell each."""
    if aliases:
        config = {"rule": {"kind": "identifier", "regex": f"^({'|'.join(map(re.escape, aliases))})$"}}
        nodes = root.find_all(config)  # type: ignore[call-overload]
        yield from (replace(node, aliases[node.text()]) for node in nodes if _is_use(node))


def _is_use(node: SgNode) -> bool:
    """Whether the identifier is read there: no import, no name of an argument, no attribute of something else."""
    parent = node.parent()
    if parent is None or parent.kind() not in _NO_USE:
        return True
    read = parent.field("object") or parent.field("value")
    return read is not None and read.range() == node.range()
