"""What a live task was given, and how each argument came to it."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Any

from dagwarden.validate.extract.airflow_names import INIT_KWARGS
from dagwarden.validate.extract.flatten import Budget, flatten, is_resolved_later
from dagwarden.validate.extract.originals import Originals, is_library
from dagwarden.validate.extract.peek import (
    MISSING,
    Unreadable,
    elements_of,
    find_in_class,
    instance_dict,
    is_instance,
    is_sequence,
    items_of,
    namespace,
    peek,
    text_of,
    true_mro,
)
from dagwarden.validate.identity_table import POD_USERS, POWERS, find_kind
from dagwarden.validate.model import Known
from dagwarden.validate.plain import Argument, Opaque
from dagwarden.validate.reach import NETWORKS

_NO_IDENTITY = frozenset(
    {
        *("dag", "task_id", "task_group", "params", "default_args", "inlets", "outlets", "python_callable", "doc"),
        *("doc_md", "doc_rst", "doc_json", "doc_yaml", "start_date", "end_date", "owner", "email", "trigger_rule"),
        *("on_execute_callback", "on_failure_callback", "on_success_callback", "on_retry_callback"),
        *("on_skipped_callback", "pre_execute", "post_execute", "retry_delay", "execution_timeout"),
        *("schedule", "retries", "log", "logger_name", "weight_rule", "resources", "retry_policy"),
    }
)
"""Arguments that decide nothing about identity."""

_EXPANSIONS = ("expand_input", "op_kwargs_expand_input")
"""Where a mapped operator keeps what it expands over; the second is that of `@task`."""
MAX_EXPANSIONS = 1_000
"""Values of one mapped argument that are read."""


def read_arguments(
    originals: Originals, task: object, defaults: Mapping[str, Any], budget: Budget
) -> Iterator[Argument]:
    """Every argument of a task that may say as whom it runs.

    Args:
        defaults: the default_args that hold for it.

    Raises:
        Unreadable: it keeps its attributes where they cannot be read.
    """
    if is_instance(task, originals.mapped_operator):
        yield from _read_mapped(originals, task, defaults, budget)
    else:
        yield from _read_plain(originals, task, defaults, budget)


def _read_plain(originals: Originals, task: object, defaults: Mapping[str, Any], budget: Budget) -> Iterator[Argument]:
    held = instance_dict(task)
    given = texts_of(dict.get(held, INIT_KWARGS, {}))
    names = dict.fromkeys([*given, *(name.lstrip("_") for name in texts_of(held) if _is_identity(name.lstrip("_")))])
    names.update(dict.fromkeys(_class_identities(originals, type(task))))
    for name in names:
        if name in _NO_IDENTITY or name.startswith("_"):
            continue
        known = _tell_source(name, given, defaults)
        try:
            value = _read_attribute(originals, task, name, given)
        except Unreadable:
            yield Argument(name=name, value=Opaque(Known.UNREADABLE, f"{name} is a property"), known=known)
            continue
        yield Argument(name=name, value=flatten(originals, value, budget), known=known)


def _read_attribute(originals: Originals, task: object, name: str, given: Mapping[str, Any]) -> Any:
    """The attribute that the operator uses, else the argument it was given under that name.

    Raises:
        Unreadable: a property of the file's own stands in its place.
    """
    held = instance_dict(task)
    found, owner = find_in_class(type(task), name)
    is_computed = owner is not None and type(found) is property
    if is_computed and owner is not None and not is_library(originals, owner):
        raise Unreadable(name)
    value = MISSING if is_computed else peek(task, name)
    for other in (dict.get(held, f"_{name}", MISSING), given.get(name, MISSING)):
        if value is MISSING or type(value) is types.FunctionType:
            value = other
    return None if value is MISSING else value


def _tell_source(name: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Known:
    if name not in given:
        return Known.DEFAULT
    return Known.DEFAULT_ARGS if name in defaults and defaults[name] is given[name] else Known.LITERAL


def _read_mapped(originals: Originals, task: object, defaults: Mapping[str, Any], budget: Budget) -> Iterator[Argument]:
    given = texts_of(peek(task, "partial_kwargs"))
    expanded: set[str] = set()
    for place in _EXPANSIONS:
        source = peek(task, place)
        if source is MISSING:
            continue
        for argument in _read_expansion(originals, _look_inside(originals, source), budget):
            expanded.add(argument.name)
            yield argument
    for name, value in given.items():
        if name not in _NO_IDENTITY:
            yield Argument(
                name=name, value=flatten(originals, value, budget), known=_tell_source(name, given, defaults)
            )
    kind = peek(task, "operator_class")
    if is_instance(kind, type):
        for name, value in signature_defaults(kind).items():
            if name not in given and name not in expanded and _is_identity(name):
                inherited = defaults.get(name, MISSING)
                known = Known.DEFAULT if inherited is MISSING else Known.DEFAULT_ARGS
                chosen = value if inherited is MISSING else inherited
                yield Argument(name=name, value=flatten(originals, chosen, budget), known=known)


def _look_inside(originals: Originals, source: Any) -> Any:
    """What an expansion is over: in Airflow 2 it is a named tuple of that alone."""
    if is_instance(source, tuple) and is_library(originals, type(source)):
        return next(elements_of(source), None)
    return peek(source, "value")


def _read_expansion(originals: Originals, inside: Any, budget: Budget) -> Iterator[Argument]:
    """What `expand(...)` or `expand_kwargs([...])` gives, each value told once."""
    if is_instance(inside, dict):
        for name, values in texts_of(inside).items():
            yield from _read_values(originals, name, values, budget)
    elif is_sequence(inside):
        for index, each in enumerate(elements_of(inside)):
            if index >= MAX_EXPANSIONS:
                budget.was_exceeded = True
                yield Argument(name="expand_kwargs", value=Opaque(Known.UNREADABLE), known=Known.MAPPED)
                break
            if is_instance(each, dict):
                for name, value in texts_of(each).items():
                    yield Argument(name=name, value=flatten(originals, value, budget), known=Known.MAPPED)
            else:
                yield Argument(name="expand_kwargs", value=flatten(originals, each, budget), known=Known.MAPPED)
    else:
        yield Argument(name="expand_kwargs", value=flatten(originals, inside, budget), known=Known.MAPPED)


def _read_values(originals: Originals, name: str, values: Any, budget: Budget) -> Iterator[Argument]:
    if is_resolved_later(originals, values) or not (is_sequence(values) or is_instance(values, dict)):
        yield Argument(name=name, value=flatten(originals, values, budget), known=Known.MAPPED)
        return
    elements = elements_of(values) if is_sequence(values) else (held for _, held in items_of(values))
    for index, each in enumerate(elements):
        if index >= MAX_EXPANSIONS:
            budget.was_exceeded = True
            yield Argument(name=name, value=Opaque(Known.UNREADABLE), known=Known.MAPPED)
            return
        yield Argument(name=name, value=flatten(originals, each, budget), known=Known.MAPPED)


def signature_defaults(kind: type) -> dict[str, Any]:
    """The arguments that a class and its bases take, with their defaults; None for those without one."""
    taken: dict[str, Any] = {}
    for base in true_mro(kind):
        function = namespace(base).get("__init__")
        while type(function) is types.FunctionType and "__wrapped__" in function.__dict__:
            function = function.__dict__["__wrapped__"]
        if type(function) is not types.FunctionType:
            continue
        code = function.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        late = code.co_varnames[: code.co_argcount]
        values = dict(zip(reversed(late), reversed(function.__defaults__ or ()), strict=False))
        values |= function.__kwdefaults__ or {}
        for name in names:
            taken.setdefault(name, values.get(name))
    return taken


def _class_identities(originals: Originals, kind: type) -> Iterator[str]:
    """Identity arguments that the file's own classes set for all their tasks at once."""
    for base in true_mro(kind):
        if not is_library(originals, base):
            yield from (name for name in namespace(base) if type(name) is str and _is_identity(name))


def _is_identity(name: str) -> bool:
    return (
        find_kind(name) is not None
        or name in POWERS
        or name in NETWORKS
        or (name in POD_USERS and name != "run_as_group")
    )


def texts_of(value: Any) -> dict[str, Any]:
    """A dictionary's entries whose keys are texts; none where it is no dictionary."""
    if not is_instance(value, dict):
        return {}
    if type(value) is dict and all(type(name) is str for name in value):
        return value.copy()
    return {text_of(name): held for name, held in items_of(value) if is_instance(name, str)}
