"""The lines of a file that run when it is imported, and those of its tasks, told apart by its compiled code."""

from __future__ import annotations

import enum
import functools
import inspect
import re
from collections.abc import Iterator
from types import CodeType

# Wider than what rules take for these decorators: more is then looked at, not less.
_RUNS_NOW = re.compile(r"@ *[\w.]*(dag|task_group)")
_TASK = re.compile(r"@ *[\w.]*task(?!_group)")


class Part(enum.Enum):
    """Lines of a file; what is in doubt is in both parts."""

    WHOLE = "whole"
    AT_IMPORT = "at import"
    """Without the bodies of functions, but for those that Airflow's decorators run."""
    IN_TASKS = "in tasks"
    """Of functions decorated as tasks, their decorators included."""


class Parts:
    """The text of a file, whole and in parts. Lines are those of the text that the code was compiled from."""

    def __init__(self, text: str, code: CodeType | None = None) -> None:
        self._text = text
        self._code = code

    def __getitem__(self, part: Part) -> str:
        if part is Part.WHOLE or self._code is None:
            return self._text
        return self._at_import if part is Part.AT_IMPORT else self._in_tasks

    @functools.cached_property
    def _at_import(self) -> str:
        assert self._code is not None
        lines = self._text.split("\n")
        for start, end in sorted(_find_later(self._code, lines), reverse=True):
            del lines[start:end]
        return "\n".join(lines)

    @functools.cached_property
    def _in_tasks(self) -> str:
        assert self._code is not None
        lines, pending = self._text.split("\n"), [self._code]
        others, within = set[int | None](), set[int]()
        while pending:
            code = pending.pop()
            others.update(line for _, _, line in code.co_lines())
            for function in _list_functions(code):
                body, end = _find_body(function)
                if not body:
                    return self._text
                if _is_headed(function, body, lines, _TASK):
                    within.update(range(function.co_firstlineno, end))
                else:
                    pending.append(function)
        dropped = others - within
        return "\n".join([line for number, line in enumerate(lines, 1) if number not in dropped])


def _find_later(code: CodeType, lines: list[str]) -> Iterator[tuple[int, int]]:
    """The bodies of the functions in this code that do not run when it does, each with the place of its first line and
    the place after its last."""
    for function in _list_functions(code):
        body, end = _find_body(function)
        if body and not _is_headed(function, body, lines, _RUNS_NOW):
            yield body - 1, end - 1
        else:
            yield from _find_later(function, lines)


def _is_headed(function: CodeType, body: int, lines: list[str], decorator: re.Pattern[str]) -> bool:
    return decorator.search("\n".join(lines[function.co_firstlineno - 1 : body - 1])) is not None


def _list_functions(code: CodeType) -> Iterator[CodeType]:
    """The outermost functions defined in this code, those of its classes among them; no lambdas."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            if inner.co_flags & inspect.CO_OPTIMIZED and not inner.co_name.startswith("<"):
                yield inner
            else:
                yield from _list_functions(inner)


def _find_body(function: CodeType) -> tuple[int, int]:
    """The first line that runs when the function is called, and the line after the last that is known to be of it. The
    first is 0 when it is that of the `def`, or nothing runs."""
    first = function.co_firstlineno
    lines = [line for _, _, line in function.co_lines() if line is not None and line > first]
    inner = [_find_body(each)[1] for each in function.co_consts if isinstance(each, CodeType)]
    return min(lines, default=0), max([first, *lines, *(line - 1 for line in inner)]) + 1
