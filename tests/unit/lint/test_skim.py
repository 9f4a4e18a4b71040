"""A file is passed over only when it imports nothing of its tree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.lint.imports import read_imports
from dagwarden.lint.skim import list_tops, might_import

TOPS = frozenset({"common", "etl"})
PIECES = (
    "import ", "from ", "common", "etl", "acme", ".gcp", ".", ", ", " as x", "*", "(", ")", ";", "\\\n", "\n", "    ",
    "if True:\n    ", "try: ", "# ", "importlib.import_module('common')", "class ",
)  # fmt: skip


def test_tops_are_the_first_folders_and_files_under_each_root() -> None:
    paths = ["dags/common/gcp.py", "plugins/etl.py", "dags/fast.cpython-311.so", "data/a.py"]
    assert list_tops(paths) == {"common", "etl", "fast"}


@pytest.mark.parametrize(
    "text",
    [
        "import common",
        "import os, common.gcp as gcp",
        "import os, \\\n    common",
        "from common.gcp import (\n    bucket,\n)",
        "from . import gcp",
        "from .gcp import bucket",
        "from\\\n  common import gcp",
        "from common \\\n    import gcp",
        "from common \\\n\\\nimport gcp",
        "from.gcp import bucket",
        "x = 1; import common",
        "def run():\n    from common import gcp",
        "importlib.import_module(NAME)",
        "import \uff43ommon",
        "x = 1  # dagwarden: allow import-of-missing-name -- generated",
    ],
)
def test_every_way_to_import_from_the_tree_is_seen(text: str) -> None:
    assert might_import(text.encode(), TOPS)


def test_libraries_and_words_in_passing_are_no_reason_to_read() -> None:
    assert not might_import(b"import requests\nfrom airflow.sdk import DAG\ncommon = etl = 1\n", TOPS)


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_what_reading_finds_is_never_passed_over(text: str) -> None:
    found = {each.module.partition(".")[0] for each in read_imports("dags/a/b.py", text.encode()).imports}
    assert might_import(text.encode(), TOPS) or found.isdisjoint(TOPS)
