"""An expression of a policy, compiled: checked against the model when the policy is read, asked when a push arrives."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from dagwarden.documents import suggest
from dagwarden.policy.conditions.scope import NOW, SCOPES, STRUCTURES
from dagwarden.policy.conditions.section import On
from dagwarden.policy.conditions.types import declare, find_structures, read_fields

if TYPE_CHECKING:
    from cel_expr_python import cel

MAX_CHARS = 4_000
MAX_PATTERN = 500
"""Instructions of RE2 that one pattern may come to. CEL compiles it at each evaluation, in some 0.3 us each."""

Answer = bool | str
"""Whether something holds; a text where that cannot be known: why."""

_PROBES = {
    "matches": "''.matches(text)",
    "timestamp": "timestamp(text) == timestamp(text)",
    "duration": "duration(text) == duration(text)",
}
"""Function that reads a text -> an expression that fails on a text it cannot read."""

_FAULT = re.compile(r"^(?:.*: )?ERROR: <input>:(?P<line>-?\d+):(?P<column>-?\d+): (?P<said>.*)$", re.MULTILINE)
_FIELD = re.compile(r"undefined field '(?P<field>.*)' not found in struct '(?P<structure>.*)'")
_REFERENCE = re.compile(r"undeclared reference to '(?P<name>.*)' \(in container ''\)")
_MISSING = re.compile(r"(?:Key not found in map :|No value with name) \"(?P<name>.*?)\"")
_FUNCTIONS = (
    *("all", "contains", "duration", "endsWith", "exists", "exists_one", "filter", "getDayOfWeek", "getFullYear"),
    *("getHours", "getMinutes", "getMonth", "has", "map", "matches", "size", "startsWith", "string", "timestamp"),
)


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One expression that was checked."""

    variables: tuple[str, ...]
    """Those it uses."""
    names: frozenset[str]
    """The fields it reads, of whatever structure: all that need be bound."""
    power: int
    """0: it has no loop; else its steps grow with so high a power of the items of all lists it is given."""
    expression: Any

    def evaluate(self, values: Mapping[str, object]) -> Answer:
        """Whether it holds of these values of its variables, plain ones: mappings without what is not known.

        As CEL has it, an unknown value does not matter where the rest decides: `unknown || true` is true.
        """
        try:
            value = self.expression.eval(data=values).value()
        except (RuntimeError, ValueError, TypeError, OverflowError) as error:
            return _explain_failure(str(error))
        return value if isinstance(value, bool) else _explain_failure(str(value))


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a text: a program, or everything that is wrong with it."""

    program: Program | None
    faults: tuple[str, ...] = ()


@functools.lru_cache(maxsize=1024)
def compile_text(on: On, text: str) -> Compiled:
    """Check an expression against the model, and compile it. It must be true or false."""
    from dagwarden.policy.conditions.syntax import read_syntax

    if len(text) > MAX_CHARS:
        return _refuse(f"has {len(text):,} characters; at most {MAX_CHARS:,} may be")
    if "\0" in text:
        return _refuse("holds a NUL character")
    checker, runner = _environments(on)
    try:
        checked = checker.compile(text)
    except (RuntimeError, ValueError, TypeError) as error:
        return _refuse(*_explain(str(error), on))
    if (kind := checked.return_type().name()) != "BOOL":
        return _refuse(f"must be true or false, and is {_say_type(kind)}")
    syntax = read_syntax(checked.serialize(), _structures())
    if faults := (*syntax.faults, *_probe(syntax.constants)):
        return _refuse(*faults)
    variables = tuple(name for name in SCOPES[on] if name in syntax.variables)
    program = Program(variables=variables, names=syntax.names, power=syntax.power, expression=runner.compile(text))
    return Compiled(program=program)


def _refuse(*faults: str) -> Compiled:
    return Compiled(program=None, faults=faults)


@functools.cache
def _structures() -> Mapping[str, type[msgspec.Struct]]:
    return find_structures(STRUCTURES.values())


@functools.cache
def _environments(on: On) -> tuple[cel.Env, cel.Env]:
    """What checks expressions against the types of their variables, and what runs them on mappings.

    Two, since CEL knows the fields of messages alone, and a message has no fields that are absent.
    """
    from cel_expr_python import cel

    structures = _structures()
    now = {NOW: cel.Type.TIMESTAMP}
    scope = [name for name in SCOPES[on] if name in STRUCTURES]
    typed = {name: cel.Type(STRUCTURES[name].__name__) for name in scope}
    plain = {name: cel.Type.Map(cel.Type.STRING, cel.Type.DYN) for name in scope}
    return cel.NewEnv(declare(structures), variables=typed | now), cel.NewEnv(variables=plain | now)


@functools.cache
def _probes() -> Mapping[str, Any]:
    from cel_expr_python import cel

    env = cel.NewEnv(variables={"text": cel.Type.STRING})
    return {function: env.compile(probe) for function, probe in _PROBES.items()}


def _probe(constants: tuple[tuple[str, str], ...]) -> list[str]:
    """The texts that the functions they are given to cannot read, or not cheaply."""
    import re2  # type: ignore[import-untyped]

    faults = []
    for function, text in constants:
        if function in _PROBES:
            value = _probes()[function].eval(data={"text": text}).value()
            if not isinstance(value, bool):
                faults.append(f"`{text}`: {_drop_status(str(value))}")
            elif function == "matches" and (size := re2.compile(text).programsize) > MAX_PATTERN:
                faults.append(f"the pattern `{text}` comes to {size:,} instructions; at most {MAX_PATTERN} may be")
    return faults


# ---- words ---------------------------------------------------------------------------------------------------------


def _explain(said: str, on: On) -> list[str]:
    """What CEL's checker says, with what may be meant."""
    found = [_say_fault(match, on) for match in _FAULT.finditer(said)]
    return list(dict.fromkeys(found)) or [_drop_status(said.splitlines()[0])]


def _say_fault(match: re.Match[str], on: On) -> str:
    line, column = int(match["line"]), int(match["column"])
    place = f"column {column}: " if line == 1 else f"line {line}, column {column}: " if line > 0 else ""
    return place + _say_meaning(_drop_status(match["said"]), on)


def _say_meaning(said: str, on: On) -> str:
    if field := _FIELD.match(said):
        known = list(read_fields(_structures()[field["structure"]]))
        near = suggest(field["field"], known)
        return f"`{field['field']}` is no field of {field['structure']}{near} (known: {', '.join(known)})"
    if reference := _REFERENCE.match(said):
        return _say_reference(reference["name"].partition(".")[0], on)
    if "null_type" in said:
        return f"{said}; what is not known is no null: ask `has(…)`"
    if "double" in said and "int" in said:
        return f"{said}; write whole numbers of a double as 2.0"
    return said


def _say_reference(name: str, on: On) -> str:
    if name in STRUCTURES:
        return f"there is no `{name}` in a condition on each {on} (known: {', '.join(SCOPES[on])})"
    near = suggest(name, [*SCOPES[on], *_FUNCTIONS])
    return f"`{name}` is neither a variable nor a function{near} (variables: {', '.join(SCOPES[on])})"


def _explain_failure(said: str) -> str:
    if missing := _MISSING.search(said):
        return f"`{missing['name']}` is not known"
    return _drop_status(said)


def _drop_status(said: str) -> str:
    """The words without gRPC's name for their kind."""
    return re.sub(r"^[A-Z_]+: | \[[A-Z_]+\]$", "", said.strip())


def _say_type(kind: str) -> str:
    return {"STRING": "a text", "INT": "a number", "DOUBLE": "a number", "LIST": "a list"}.get(kind, f"a {kind}")
