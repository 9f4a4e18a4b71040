"""Accounts, connections and variables that the text of a released file names: what functions use is in no argument."""

from __future__ import annotations

import ast
import io
import lzma
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from dagwarden.lint.import_time import find_import_time_functions, walk_now
from dagwarden.validate.identity_table import SERVICE_ACCOUNT_EMAIL, find_kind
from dagwarden.validate.model import MAX_TEXT, FactKind, IdentityFact, Known

SUFFIXES = (".py", ".sql", ".sh", ".yaml", ".yml", ".json", ".toml", ".cfg", ".ini", ".j2", ".jinja", ".jinja2", ".txt")
"""Files whose text is read; what a release holds besides is data."""
MAX_BYTES = 1 << 20
"""Of a file whose text is read."""
MAX_MEMBERS = 1_000
"""Of a zip file with DAGs; and its members together are read up to sixteen times as far as one file."""

SENSITIVE = (
    "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN", "GOOGLE_IMPERSONATE_*",
    "CLOUDSDK_AUTH_*", "CLOUDSDK_CONFIG", "BOTO_CONFIG", "GCE_METADATA_*", "KUBECONFIG", "AIRFLOW_CONN_*",
    "AIRFLOW__*", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_ACCESS_KEY_ID", "AWS_SHARED_CREDENTIALS_FILE",
)  # fmt: skip
"""Variables that choose as whom a process works, as globs. Source: google-auth environment_vars, `gcloud topic
configurations`, Airflow's "Storing connections in environment variables", boto3's configuration guide."""

_SENSITIVE = re.compile("|".join(rf"\b{each.replace('*', '[A-Za-z0-9_*]+')}(?![A-Za-z0-9_])" for each in SENSITIVE))
"""In what an f-string may become, `*` stands for what is not known."""
_NO_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    OSError,
    EOFError,
    KeyError,
    ValueError,
    RuntimeError,
)
"""What a file that says it is a zip file, and is none or lies, makes zipfile raise."""
_TOLD = frozenset({FactKind.CONNECTION, FactKind.IMPERSONATION, FactKind.DELEGATE})
_DOMAIN = "gserviceaccount"
_GETTERS = frozenset({"get_connection", "get_connection_from_secrets", "get_hook"})
_MAKERS = frozenset({"Connection.from_json", "Connection.from_uri", "Connection.from_dict"})
_OWN_NAMES = _MAKERS | _GETTERS | {"Connection", "Connection.get"}
_MADE = frozenset({"conn_id", "conn_type", "extra", "uri"})
"""What Airflow's `Connection` is made with, and those of databases' drivers are not."""
_PLACE_OF_EXTRA = 9
"""Among the arguments of `Connection`, in Airflow 2 and 3."""


class Mention(msgspec.Struct, frozen=True, kw_only=True):
    """One value that a text names. Where `known` is unreadable, it is put together at run time: a glob of it."""

    path: str
    line: int
    fact: IdentityFact
    is_deferred: bool = True
    """Whether it stands where nothing runs when the file is imported: in a function that a task calls."""


def find_mentions(path: str, content: bytes) -> list[Mention]:
    """What a file's text names, each once, in the order of its lines; nothing for one that is not read.

    Python that does not compile names nothing: it runs nothing either. Of a zip file the members are read, and lines
    are 0.
    """
    if path.endswith(".zip"):
        found = [(0, each[1], each[2]) for name, held in _open(content) for each in _read(name, held)]
    else:
        found = list(_read(path, content))
    seen = sorted(dict.fromkeys(each for each in found if each[1].value), key=lambda each: each[0])
    return [Mention(path=path, line=line, fact=fact, is_deferred=deferred) for line, fact, deferred in seen]


def _read(path: str, content: bytes) -> Iterable[tuple[int, IdentityFact, bool]]:
    """Line, fact, and whether it stands in what runs later."""
    if not path.endswith(SUFFIXES) or len(content) > MAX_BYTES:
        return ()
    if path.endswith(".py"):
        return _read_python(content)
    return ((line, fact, True) for line, fact in _read_lines(content.decode("utf-8", "replace")))


def _open(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The members of a zip file that are worth reading; none where it is none, or lies about them."""
    left = 16 * MAX_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist()[:MAX_MEMBERS]:
                if member.filename.endswith(SUFFIXES) and member.file_size <= min(MAX_BYTES, left):
                    left -= member.file_size
                    yield member.filename, archive.read(member)
    except _NO_ZIP:
        return


def _read_lines(text: str) -> Iterator[tuple[int, IdentityFact]]:
    for number, line in enumerate(text.splitlines(), 1):
        if _DOMAIN in line:
            for email in SERVICE_ACCOUNT_EMAIL.findall(line):
                yield number, _fact(FactKind.MENTION, "text", email)
        for variable in _SENSITIVE.findall(line):
            yield number, _fact(FactKind.ENVIRONMENT_VARIABLE, "text", variable)


def _read_python(content: bytes) -> Iterator[tuple[int, IdentityFact, bool]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    functions = [statement for function in find_import_time_functions(tree) for statement in function.body]
    now = {id(node) for statement in (*tree.body, *functions) for node in walk_now(statement)}
    nodes = list(ast.walk(tree))
    for node, line, fact in _read_nodes(nodes, _find_aliases(nodes)):
        yield line, fact, id(node) not in now


def _find_aliases(nodes: Iterable[ast.AST]) -> dict[str, str]:
    """What the file calls otherwise than its package does, by an import or by an assignment -> what it is."""
    aliases: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            aliases |= {each.asname: each.name for each in node.names if each.asname}
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name | ast.Attribute):
            name = _name_of(node.value, aliases)
            if name in _OWN_NAMES or name.endswith("Hook"):
                aliases |= {each.id: name for each in node.targets if isinstance(each, ast.Name)}
    return aliases


def _read_nodes(nodes: list[ast.AST], aliases: Mapping[str, str]) -> Iterator[tuple[ast.AST, int, IdentityFact]]:
    told = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    told |= {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        found: Iterable[tuple[int, IdentityFact]] = ()
        if isinstance(node, ast.JoinedStr):
            found = _read_formatted(node)
        elif isinstance(node, ast.BinOp) and id(node) not in told:
            text, parts = _join(node)
            told |= parts
            found = _read_text(node.lineno, text)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            found = _read_text(node.lineno, node.value)
        elif isinstance(node, ast.Call):
            found = _read_call(node, _name_of(node.func, aliases))
        yield from ((node, line, fact) for line, fact in found)


def _join(node: ast.expr) -> tuple[str, set[int]]:
    """A text written as a sum of texts, and the nodes it is made of; the sums alone where it is anything else."""
    sums, texts, constants = set(), [], set()
    while isinstance(node, ast.BinOp):
        sums.add(id(node))
        texts.append(node.right.value if isinstance(node.right, ast.Constant) else None)
        constants.add(id(node.right))
        node = node.left
    texts.append(node.value if isinstance(node, ast.Constant) else None)
    found = [text for text in reversed(texts) if isinstance(text, str)]
    return ("".join(found), sums | constants | {id(node)}) if len(found) == len(texts) else ("", sums)


def _read_text(line: int, text: str) -> Iterator[tuple[int, IdentityFact]]:
    if _DOMAIN in text:
        for email in SERVICE_ACCOUNT_EMAIL.findall(text):
            yield line, _fact(FactKind.MENTION, "text", email)
        if _DOMAIN in SERVICE_ACCOUNT_EMAIL.sub("", text):
            yield line, _fact(FactKind.MENTION, "text", f"*{text.strip()}", Known.UNREADABLE)
    for variable in _SENSITIVE.findall(text):
        yield line, _fact(FactKind.ENVIRONMENT_VARIABLE, "text", variable)


def _read_formatted(node: ast.JoinedStr) -> Iterator[tuple[int, IdentityFact]]:
    """An f-string with an account in it: a glob of what it may become, cut to the account."""
    parts = [each.value if isinstance(each, ast.Constant) else "*" for each in node.values]
    text = "".join(part for part in parts if isinstance(part, str))
    for word in re.findall(r"[^\s=\"',;/]*gserviceaccount[^\s\"',;/]*", text):
        known = Known.UNREADABLE if "*" in word else Known.LITERAL
        yield node.lineno, _fact(FactKind.MENTION, "text", word, known)
    for variable in _SENSITIVE.findall(text):
        yield node.lineno, _fact(FactKind.ENVIRONMENT_VARIABLE, "text", variable)


def _read_call(node: ast.Call, name: str) -> Iterator[tuple[int, IdentityFact]]:
    """Connections and accounts that a call is given by their names: hooks, credentials, operators made in functions.

    A connection that code makes is none of the environment's: whose keys its extra holds, or which chain, nobody knows.
    """
    for keyword in node.keywords:
        kind = find_kind(keyword.arg) if keyword.arg else None
        if kind in _TOLD and keyword.arg:
            is_mapped = name == "expand" and isinstance(keyword.value, ast.List | ast.Tuple)
            for value in keyword.value.elts if is_mapped else [keyword.value]:  # type: ignore[attr-defined]
                yield from _read_values(value, kind, keyword.arg)
    if name in _MAKERS or (name == "Connection" and _makes_connection(node)):
        yield node.lineno, _fact(FactKind.CONNECTION, name, "Connection(…)", Known.UNREADABLE)
    if node.args and (name in _GETTERS or name == "Connection.get" or name.endswith("Hook")):
        yield from _read_values(node.args[0], FactKind.CONNECTION, name)


def _read_values(node: ast.expr, kind: FactKind, place: str) -> Iterator[tuple[int, IdentityFact]]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, _fact(kind, place, node.value)
    elif isinstance(node, ast.List | ast.Tuple):
        for index, each in enumerate(node.elts):
            is_last = index == len(node.elts) - 1
            yield from _read_values(each, kind if is_last or kind is FactKind.CONNECTION else FactKind.DELEGATE, place)


def _makes_connection(node: ast.Call) -> bool:
    """Whether a call is given what Airflow's `Connection` is, by name, by place, or as nobody sees."""
    is_starred = any(isinstance(each, ast.Starred) for each in node.args)
    is_named = any(keyword.arg is None or keyword.arg in _MADE for keyword in node.keywords)
    return is_named or is_starred or len(node.args) >= _PLACE_OF_EXTRA


def _name_of(node: ast.expr, aliases: Mapping[str, str]) -> str:
    """The last part of what is called; with its owner for `Connection.get`."""
    if isinstance(node, ast.Attribute):
        owner = _name_of(node.value, aliases)
        return f"{owner}.{node.attr}" if owner == "Connection" else node.attr
    return aliases.get(node.id, node.id) if isinstance(node, ast.Name) else ""


def _fact(kind: FactKind, place: str, value: str, known: Known = Known.LITERAL) -> IdentityFact:
    if "{{" in value or "{%" in value:
        known = Known.TEMPLATED
    return IdentityFact(kind=kind, argument=place, value=value[:MAX_TEXT], known=known)
