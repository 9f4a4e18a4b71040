"""Whether a file is Python text: one clear finding when it is not, never an exception."""

from __future__ import annotations

import ast
import io
import re
import sys
import threading
import tokenize
import warnings
from types import CodeType

import msgspec

from dagwarden.lint import file_rules
from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.page import Page, find

_BOM = b"\xef\xbb\xbf"
_CONFLICT = re.compile(r"^(<<<<<<< .*|=======|>>>>>>> .*)$", re.MULTILINE)
_CONFLICT_START = re.compile(r"^<<<<<<<( |$)", re.MULTILINE)
_PYTHON_2_HINTS = ("Missing parentheses in call to 'print'", "Missing parentheses in call to 'exec'")
_PYTHON_2_LINES = re.compile(r"^\s*except\s+[\w.]+\s*,\s*\w+\s*:|^\s*raise\s+[\w.]+\s*,|<>|\bur['\"]", re.MULTILINE)
_PLACEHOLDER = re.compile(
    r"\{\{[-~ ]*[\w.|() '\"]+[-~ ]*\}\}|\{%.*?%\}|\{#.*?#\}|<%.*?%>|@@\w+@@|<[A-Z][A-Z0-9_]{2,}>|\$\{\w+\}"
)
"""Of Jinja and cookiecutter, ERB and Mako, and of those who write their own."""
_STRING = re.compile(r"(?s:\"\"\".*?\"\"\"|\'\'\'.*?\'\'\')|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|#[^\n]*")
_NOTEBOOK = re.compile(r'\s*\{\s*"(cells|metadata|nbformat)"')

# Compiling warns of odd escapes; whose concern that is, is not decided here. The filter list is the process's own.
_WARNING_FILTERS = threading.Lock()


class Source(msgspec.Struct, frozen=True):
    """One Python file, read."""

    findings: tuple[Finding, ...]
    """What is wrong with it."""
    text: str = ""
    """Lines ending in line feeds. Empty when it does not compile: then nothing else can be said of it."""
    code: CodeType | None = None
    """What it compiles to."""


def read_source(path: str, content: bytes, *, python: tuple[int, int]) -> Source:
    """Decode and compile one file.

    Args:
        python: the environment's version. An older one than ours is held to its own grammar as well as `ast` knows it.
    """
    findings: tuple[Finding, ...] = ()
    if content.startswith(_BOM):
        findings = (find(file_rules.BYTE_ORDER_MARK, "starts with a byte order mark", path=path, line=1, column=1),)
    if b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        return Source((find(file_rules.NUL_BYTES, "holds NUL bytes", path=path, line=line),))
    text = _decode(path, content)
    if isinstance(text, Finding):
        return Source((text,))
    if _NOTEBOOK.match(text) and '"nbformat"' in text:
        return Source((find(file_rules.NOTEBOOK, "is a notebook, in JSON", path=path, line=1),))
    code = _compile(path, text, python)
    return Source((code,)) if isinstance(code, Finding) else Source(findings, text, code)


def find_encoding(content: bytes) -> str:
    """The encoding that Python reads a file in.

    Raises:
        SyntaxError: it declares one that is none, or contradicts its byte order mark.
    """
    if content.isascii() and b"coding" not in content:  # most files; to be sure of the others takes a while
        return "utf-8"
    return tokenize.detect_encoding(io.BytesIO(content).readline)[0]


def _decode(path: str, content: bytes) -> str | Finding:
    page = file_rules.UNDECODABLE_BYTES
    try:
        encoding = find_encoding(content)
    except SyntaxError as error:
        return find(page, f"declares no usable encoding: {error.msg or error}", path=path, line=1)
    try:
        # "\r\n" and "\r" become "\n", so that every tool counts the same lines.
        return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"0x{content[error.start]:02x}"
        return find(page, f"byte {byte} is no {encoding} text", path=path, line=line)
    except UnicodeError as error:  # of codecs that do not say where
        return find(page, f"is no {encoding} text: {error}", path=path, line=1)
    except LookupError:
        return find(page, f"declares the unknown encoding {encoding}", path=path, line=1)


def _compile(path: str, text: str, python: tuple[int, int]) -> CodeType | Finding:
    try:
        with _WARNING_FILTERS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if python < sys.version_info[:2]:
                ast.parse(text, filename=path, feature_version=python)
            return compile(text, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        return _explain(path, text, error, python)
    except (RecursionError, MemoryError):
        return find(file_rules.TOO_COMPLEX, "is nested deeper than Python compiles", path=path)
    except (ValueError, OverflowError) as error:
        return find(file_rules.SYNTAX_ERROR, str(error), path=path)


def _explain(path: str, text: str, error: SyntaxError, python: tuple[int, int]) -> Finding:
    line, reason = error.lineno or 0, error.msg or "invalid syntax"
    if "too many" in reason and ("nested" in reason or "indentation" in reason):
        return find(file_rules.TOO_COMPLEX, reason, path=path, line=line)
    page, line, reason = _choose(text, line, reason)
    column = max(error.offset or 0, 0) if page is file_rules.SYNTAX_ERROR else 0
    finding = find(page, reason, path=path, line=line, end_line=line, column=column)
    if page is file_rules.SYNTAX_ERROR and python > sys.version_info[:2]:
        checker = ".".join(map(str, sys.version_info[:2]))
        hint = f"checked with Python {checker}, the environment runs {'.'.join(map(str, python))}: try it there"
        return msgspec.structs.replace(finding, severity=Severity.WARNING, hint=hint)
    return finding


def _choose(text: str, line: int, reason: str) -> tuple[Page, int, str]:
    """What really is wrong with a file that does not compile: (rule, line, message)."""
    start = _CONFLICT_START.search(text)
    if start and len(_CONFLICT.findall(text)) >= 2:
        conflict_line = text.count("\n", 0, start.start()) + 1
        return file_rules.CONFLICT_MARKERS, conflict_line, "a merge conflict stands here unresolved"
    if not reason.startswith("unterminated") and (placeholder := _find_placeholder(text, line)):
        return file_rules.UNRENDERED_TEMPLATE, line, f"is a template: `{placeholder}` stands where Python should"
    if reason.startswith(_PYTHON_2_HINTS) or _is_python_2(text, line):
        return file_rules.PYTHON_2, line, "is Python 2"
    return file_rules.SYNTAX_ERROR, line, reason


def _find_placeholder(text: str, line: int) -> str:
    """A placeholder on the line that does not compile, outside of strings and comments; empty when there is none."""
    bare = _STRING.sub(lambda quoted: re.sub(r"[^\n]", " ", quoted[0]), text).split("\n")
    found = _PLACEHOLDER.search(bare[line - 1]) if 0 < line <= len(bare) else None
    return found[0][:60] if found else ""


def _is_python_2(text: str, line: int) -> bool:
    lines = text.split("\n")
    return 0 < line <= len(lines) and _PYTHON_2_LINES.search(lines[line - 1]) is not None
