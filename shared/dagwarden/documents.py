"""A YAML document read into a typed value, every fault of it named by file and line.

Reading goes in three steps: the shape (is it YAML, one mapping, of the right version and kind), the schema (each key
known, each value of its type), and the meaning, which the caller adds. The schema is the Struct itself: what msgspec
knows of its fields is what is checked, what the published JSON Schema says, and what the error messages name.
"""

from __future__ import annotations

import datetime as dt
import difflib
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
import yaml

from dagwarden.errors import InvalidInput
from dagwarden.yaml_nodes import Fault, Loader, compose, line_of

T = TypeVar("T", bound=msgspec.Struct)

KeyPath = tuple[str | int, ...]
"""Where a value stands in a document: `("pushers", 0, "paths")`."""

_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*")
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")

_QUOTES = frozenset({"'", '"', "|", ">"})


class Document(msgspec.Struct, Generic[T], frozen=True):
    """A value read from YAML, and the line each part of it stands on."""

    value: T
    name: str
    lines: Mapping[KeyPath, int]

    def place(self, *path: str | int) -> str:
        """`NAME:LINE` of the value at `path`; of the nearest part above it when the file leaves it to its default."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.name}:{self.lines.get(path, 1)}"

    def line(self, *path: str | int) -> int:
        """The line `place` names."""
        return int(self.place(*path).rpartition(":")[2])


def read_document(
    content: bytes, kind: type[T], *, name: str, check: Callable[[Document[T]], list[Fault]] | None = None
) -> Document[T]:
    """Read one YAML document as a value of `kind`.

    When `kind` has the fields `apiVersion` and `kind`, the document must say their words before anything else of it is
    looked at.

    Args:
        name: what the document is called in messages, e.g. `policy.yaml`.
        check: the third step, on a document whose schema holds: what is wrong with its meaning.

    Raises:
        InvalidInput: naming every fault at once, each as `NAME:LINE: what`.
    """
    faults: list[Fault] = []
    root = compose(content, faults)
    if root is not None and not faults:
        faults += _check_shape(root, kind)
    if root is None or faults:
        raise refuse(name, faults)
    reader = _Reader(faults=faults, lines={})
    built = reader.read(root, _inspect(kind), ())
    if faults:
        raise refuse(name, faults)
    document = Document(msgspec.convert(built, kind), name, reader.lines)
    if check is not None and (wrong := check(document)):
        raise refuse(name, wrong)
    return document


def refuse(name: str, faults: Sequence[Fault]) -> InvalidInput:
    """The error that names all faults of one document, in the order of their lines."""
    told = [f"{name}:{fault.line}: {_show(fault.message)}" for fault in sorted(set(faults))]
    return InvalidInput("\n".join(told), operation="read", subject=name)


def _show(text: str) -> str:
    """Text without characters that a terminal would obey, or that would look like a line of ours."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def suggest(word: str, known: Sequence[str]) -> str:
    """`; did you mean …?` when a known word is near, else nothing."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean `{near[0]}`?" if near else ""


# ---- shape -----------------------------------------------------------------------------------------------------------


def _check_shape(root: yaml.Node, kind: type[msgspec.Struct]) -> list[Fault]:
    if not isinstance(root, yaml.MappingNode):
        return [Fault(line_of(root), f"must be a mapping of keys to values, got {_describe(root)}")]
    found = {key.value: value for key, value in root.value}
    faults = []
    for key, word in _headings(kind).items():
        if key not in found:
            faults.append(Fault(1, f"`{key}: {word}` is missing"))
        elif found[key].value != word:
            faults.append(Fault(line_of(found[key]), f"`{key}` must be `{word}`, got {_describe(found[key])}"))
    return faults


def _headings(kind: type[msgspec.Struct]) -> dict[str, str]:
    """What `apiVersion` and `kind` must say, for a document that has them."""
    return {
        field.name: str(field.type.values[0])
        for field in _inspect(kind).fields
        if field.name in {"apiVersion", "kind"} and isinstance(field.type, msgspec.inspect.LiteralType)
    }


@functools.cache
def _inspect(kind: type[msgspec.Struct]) -> msgspec.inspect.StructType:
    """What msgspec knows of a type; finding it out takes longer than reading a small document."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    return info


# ---- schema ------------------------------------------------------------------------------------------------------


class _Reader(msgspec.Struct):
    """Walks nodes beside types: gathers faults, notes lines, and builds plain values that msgspec then converts."""

    faults: list[Fault]
    lines: dict[KeyPath, int]

    def read(self, node: yaml.Node, kind: msgspec.inspect.Type, path: KeyPath) -> Any:
        self.lines.setdefault(path, line_of(node))
        if isinstance(kind, msgspec.inspect.Metadata):
            if isinstance(kind.type, msgspec.inspect.StrType):
                return self.read_text(node, kind.type, path, (kind.extra_json_schema or {}).get("examples", ()))
            kind = kind.type
        return _READERS[type(kind)](self, node, kind, path)

    def fail(self, node: yaml.Node, path: KeyPath, wanted: str) -> None:
        where = f"`{_say_path(path)}` " if path else ""
        self.faults.append(Fault(line_of(node), f"{where}must be {wanted}, got {_describe(node)}"))

    def read_struct(self, node: yaml.Node, kind: msgspec.inspect.StructType, path: KeyPath) -> Any:
        if not isinstance(node, yaml.MappingNode):
            return self.fail(node, path, "a mapping of keys to values")
        fields = {field.encode_name: field for field in kind.fields}
        built: dict[str, Any] = {}
        for key, value in node.value:
            if field := fields.get(key.value):
                built[key.value] = self.read(value, field.type, (*path, key.value))
                self.lines[*path, key.value] = line_of(key)
            else:
                within = f" in `{_say_path(path)}`" if path else ""
                said = f"`{key.value}` is no key{within}{suggest(key.value, list(fields))}"
                self.faults.append(Fault(line_of(key), f"{said} (known: {', '.join(fields)})"))
        for name, field in fields.items():
            if field.required and name not in built:
                self.faults.append(Fault(line_of(node), f"`{_say_path((*path, name))}` is missing"))
        return built

    def read_optional(self, node: yaml.Node, kind: msgspec.inspect.UnionType, path: KeyPath) -> Any:
        (one,) = (each for each in kind.types if not isinstance(each, msgspec.inspect.NoneType))
        return self.read(node, one, path)

    def read_date(self, node: yaml.Node, _kind: msgspec.inspect.DateType, path: KeyPath) -> Any:
        try:
            return dt.date.fromisoformat(node.value).isoformat()
        except (TypeError, ValueError):
            return self.fail(node, path, "a date like `2026-12-31`")

    def read_time(self, node: yaml.Node, _kind: msgspec.inspect.DateTimeType, path: KeyPath) -> Any:
        try:
            at = dt.datetime.fromisoformat(node.value)
        except (TypeError, ValueError):
            at = None
        if at is None or at.tzinfo is None:
            return self.fail(node, path, "a time like `2026-12-31T18:00:00Z`")
        return at.isoformat()

    def read_list(self, node: yaml.Node, kind: msgspec.inspect.VarTupleType, path: KeyPath) -> Any:
        if not isinstance(node, yaml.SequenceNode):
            return self.fail(node, path, "a list (start each item with `- `)")
        if len(node.value) < (kind.min_length or 0):
            return self.fail(node, path, f"a list of at least {kind.min_length}")
        return [self.read(item, kind.item_type, (*path, index)) for index, item in enumerate(node.value)]

    def read_dict(self, node: yaml.Node, kind: msgspec.inspect.DictType, path: KeyPath) -> Any:
        if not isinstance(node, yaml.MappingNode):
            return self.fail(node, path, "a mapping of keys to values")
        built = {}
        for key, value in node.value:
            built[key.value] = self.read(value, kind.value_type, (*path, key.value))
            self.lines[*path, key.value] = line_of(key)
        return built

    def read_word(self, node: yaml.Node, kind: msgspec.inspect.LiteralType, path: KeyPath) -> Any:
        return self._read_choice(node, [str(word) for word in kind.values], path)

    def read_enum(self, node: yaml.Node, kind: msgspec.inspect.EnumType, path: KeyPath) -> Any:
        return self._read_choice(node, [str(member.value) for member in kind.cls], path)

    def _read_choice(self, node: yaml.Node, words: list[str], path: KeyPath) -> Any:
        if not isinstance(node, yaml.ScalarNode) or node.value not in words:
            near = suggest(node.value, words) if isinstance(node, yaml.ScalarNode) else ""
            listed = ", ".join(f"`{word}`" for word in words)
            self.fail(node, path, f"one of {listed}" if len(words) > 1 else listed)
            if near:
                self.faults[-1] = Fault(self.faults[-1].line, self.faults[-1].message + near)
        return node.value

    def read_text(
        self, node: yaml.Node, kind: msgspec.inspect.StrType, path: KeyPath, examples: Sequence[str] = ()
    ) -> Any:
        # The text as it stands: `python: 3.10` means "3.10", not the number 3.1.
        if not isinstance(node, yaml.ScalarNode) or node.tag.endswith(":null"):
            return self.fail(node, path, "a text")
        if kind.min_length and len(node.value) < kind.min_length:
            least = f"of at least {kind.min_length} characters" if kind.min_length > 1 else "that is not empty"
            return self.fail(node, path, f"a text {least}")
        if kind.pattern and not re.search(kind.pattern, node.value):
            return self.fail(node, path, f"a text like {' or '.join(map('`{}`'.format, examples)) or kind.pattern}")
        return node.value

    def read_integer(self, node: yaml.Node, kind: msgspec.inspect.IntType, path: KeyPath) -> Any:
        if not isinstance(node, yaml.ScalarNode) or node.style in _QUOTES or not _INTEGER.fullmatch(node.value):
            return self.fail(node, path, "a whole number")
        number = int(node.value)
        if (kind.ge is not None and number < kind.ge) or (kind.le is not None and number > kind.le):
            bounds = f"at least {kind.ge}" if kind.le is None else f"from {kind.ge} to {kind.le}"
            return self.fail(node, path, f"a whole number {bounds}")
        return number

    def read_number(self, node: yaml.Node, kind: msgspec.inspect.FloatType, path: KeyPath) -> Any:
        if not isinstance(node, yaml.ScalarNode) or node.style in _QUOTES or not _NUMBER.fullmatch(node.value):
            return self.fail(node, path, "a number")
        number = float(node.value)
        if (kind.ge is not None and number < kind.ge) or (kind.le is not None and number > kind.le):
            bounds = f"at least {kind.ge:g}" if kind.le is None else f"from {kind.ge:g} to {kind.le:g}"
            return self.fail(node, path, f"a number {bounds}")
        return number

    def read_bool(self, node: yaml.Node, _kind: msgspec.inspect.BoolType, path: KeyPath) -> Any:
        if not isinstance(node, yaml.ScalarNode) or node.style in _QUOTES or node.value not in {"true", "false"}:
            return self.fail(node, path, "`true` or `false`")
        return node.value == "true"

    def read_anything(self, node: yaml.Node, _kind: msgspec.inspect.AnyType, path: KeyPath) -> Any:
        self._note_lines(node, path)
        return Loader("").construct_document(node)

    def _note_lines(self, node: yaml.Node, path: KeyPath) -> None:
        self.lines.setdefault(path, line_of(node))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                self.lines[*path, key.value] = line_of(key)
                self._note_lines(value, (*path, key.value))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._note_lines(value, (*path, index))


_READERS: dict[type[msgspec.inspect.Type], Callable[..., Any]] = {
    msgspec.inspect.StructType: _Reader.read_struct,
    msgspec.inspect.VarTupleType: _Reader.read_list,
    msgspec.inspect.DictType: _Reader.read_dict,
    msgspec.inspect.LiteralType: _Reader.read_word,
    msgspec.inspect.EnumType: _Reader.read_enum,
    msgspec.inspect.StrType: _Reader.read_text,
    msgspec.inspect.IntType: _Reader.read_integer,
    msgspec.inspect.FloatType: _Reader.read_number,
    msgspec.inspect.BoolType: _Reader.read_bool,
    msgspec.inspect.AnyType: _Reader.read_anything,
    msgspec.inspect.UnionType: _Reader.read_optional,
    msgspec.inspect.DateType: _Reader.read_date,
    msgspec.inspect.DateTimeType: _Reader.read_time,
}


def _say_path(path: KeyPath) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _describe(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list" if node.value else "an empty list"
    if node.tag.endswith(":null") or not node.value:
        return "nothing"
    return f"`{node.value if len(node.value) <= 60 else node.value[:60] + '…'}`"


def json_schema(kind: type[msgspec.Struct], *, title: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a document, for editors; unknown keys are refused in it as they are here."""
    schema = msgspec.json.schema(kind)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **schema}
