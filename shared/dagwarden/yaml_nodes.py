"""YAML text as nodes that are safe to walk: one document, no aliases, no tags, no key twice, nesting with an end."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml


class Fault(msgspec.Struct, frozen=True, order=True):
    """One thing wrong with a document; lines count from 1."""

    line: int
    message: str


Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_MAX_BYTES = 1_000_000
_MAX_DEPTH = 40
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null"))
_DATES = "tag:yaml.org,2002:timestamp"


def compose(content: bytes, faults: list[Fault]) -> yaml.Node | None:
    """The root node of a document; what is wrong is added to `faults`, and None means that nothing could be read."""
    root: yaml.Node | None = None
    text = _decode(content, faults)
    try:
        faults += _check_events(text)
        if not faults:
            root = yaml.compose(text, Loader=Loader)
            faults += [] if root else [Fault(1, "is empty")]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        faults.append(Fault(mark.line + 1 if mark else 1, f"is no YAML: {_explain(error, text, mark)}"))
    except (yaml.YAMLError, ValueError) as error:
        faults.append(Fault(1, f"is no YAML: {' '.join(str(error).split())}"))
    if root is not None:
        _check_node(root, faults)
    return root


def _decode(content: bytes, faults: list[Fault]) -> str:
    if len(content) > _MAX_BYTES:
        faults.append(Fault(1, f"has {len(content)} bytes; at most {_MAX_BYTES} are read"))
        return ""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        faults.append(Fault(content.count(b"\n", 0, error.start) + 1, "is not UTF-8"))
        return ""


def _explain(error: yaml.MarkedYAMLError, text: str, mark: Any) -> str:
    problem = error.problem or "it cannot be read"
    lines = text.splitlines()
    if mark and mark.line < len(lines) and "\t" in lines[mark.line][: mark.column + 1]:
        return "a tab stands where only spaces may indent"
    return f"{error.context}, {problem}" if error.context else problem


def _check_events(text: str) -> list[Fault]:
    """What would make composing unsafe or ambiguous: aliases, a second document, nesting without end."""
    faults: list[Fault] = []
    depth = documents = 0
    for event in yaml.parse(text, Loader=Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            faults.append(Fault(line, "aliases (`*name`) are not taken; write the value out"))
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents == 2:
                faults.append(Fault(line, "a second document starts here; one file holds one"))
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _MAX_DEPTH:
                return [Fault(line, f"is nested deeper than {_MAX_DEPTH} levels")]
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return faults


def _check_node(node: yaml.Node, faults: list[Fault]) -> None:
    if node.tag not in _PLAIN_TAGS and node.tag != _DATES:
        faults.append(Fault(line_of(node), f"the tag `{node.tag}` is not taken; write plain YAML"))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_node(item, faults)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                faults.append(Fault(line_of(key), "a key must be a plain word"))
                continue
            if key.value in seen:
                faults.append(Fault(line_of(key), f"`{key.value}` stands here twice, first on line {seen[key.value]}"))
            seen.setdefault(key.value, line_of(key))
            _check_node(value, faults)


def line_of(node: yaml.Node) -> int:
    """The line a node starts on, counted from 1."""
    return int(node.start_mark.line) + 1
