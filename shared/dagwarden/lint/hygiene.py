"""Names and sizes that slow or break what reads a bucket of DAGs, whatever the files hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from dagwarden.lint import file_rules
from dagwarden.lint.finding import Finding
from dagwarden.lint.page import Page, find
from dagwarden.names import ReleasePath

MAX_DAG_FILE_BYTES = 1_048_576
"""A Python file past this is generated data; parsing one takes seconds."""
MAX_OTHER_FILE_BYTES = 8_388_608
"""Every scheduler, worker and processor holds a copy of dags/ and plugins/ on its own disk."""

_TEST = re.compile(r"(^|/)(tests/|test_[^/]*\.py$|[^/]*_test\.py$|conftest\.py$)")
_MAKES_DAG = re.compile(rb"^(\w+ *= *|with +)DAG\(|^@dag\b", re.MULTILINE)
"""What stands in a folder `test` because it is an environment's, or tries a connection, is a DAG all the same."""
_VIRTUALENV = re.compile(
    r"(^|/)(\.?v?env/(bin|lib|Scripts|pyvenv\.cfg)(/|$)|site-packages/|node_modules/)|(^|/)pyvenv\.cfg$"
)
_LEFTOVER = re.compile(
    r"(^|/)(__pycache__/|\.git/|\.terraform/|\.ipynb_checkpoints/|\.DS_Store$)|\.(py[co]|swp|orig|rej)$|~$"
)


def check_paths(files: Mapping[ReleasePath, bytes]) -> Iterator[Finding]:
    """What the names and sizes of these files tell; each file has one finding of a kind at most.

    Names that break Composer's sync altogether (`.`, a trailing `/`, a folder and a file of one name) are refused with
    the push that brings them: see `path-dot-name`, `path-trailing-slash`, `path-folder-and-file`, `raw-drop-encoded`.
    """
    for path, content in files.items():
        page = _judge_name(path)
        if page is not None and not (page is file_rules.TEST_FILE_RELEASED and _MAKES_DAG.search(content)):
            yield find(page, f"`{path}` does not belong among released files", path=path)
        limit = MAX_DAG_FILE_BYTES if path.endswith(".py") else MAX_OTHER_FILE_BYTES
        if len(content) > limit:
            said = f"holds {len(content):,} bytes, more than {limit:,}"
            yield find(file_rules.BIG_FILE, said, path=path)


def _judge_name(path: str) -> Page | None:
    if _VIRTUALENV.search(path):
        return file_rules.VIRTUALENV_RELEASED
    if _LEFTOVER.search(path):
        return file_rules.LEFTOVER_RELEASED
    if _TEST.search(path.partition("/")[2]):
        return file_rules.TEST_FILE_RELEASED
    return None
