"""Imports that a tree, or a change of it, leaves hanging."""

from __future__ import annotations

import pytest

from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.graph import ImportGraph, build_graph
from dagwarden.lint.import_rules import IMPORT_RULES, check_change, check_part
from dagwarden.lint.lint import lint_file, load_catalogue
from dagwarden.lint.suppress import NEED_TREE

HELPERS = {
    "dags/common/__init__.py": "",
    "dags/common/gcp.py": "def bucket(): ...\ndef table(): ...\n",
    "dags/other.py": "from common.gcp import table\n",
}


def make_graph(tree: dict[str, str]) -> ImportGraph:
    return build_graph({path: text.encode() for path, text in tree.items()})


def check(text: str, path: str = "dags/etl.py") -> list[Finding]:
    return check_part(make_graph({**HELPERS, path: text}), [path])


def change(before: dict[str, str], after: dict[str, str]) -> list[Finding]:
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    return check_change(make_graph(before), make_graph(after), changed)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("from common.gpc import bucket\n", "import-of-missing-module"),
        ("import common.gpc as gcp\n", "import-of-missing-module"),
        ("import importlib\ngcp = importlib.import_module('common.gpc')\n", "import-of-missing-module"),
        ("def build():\n    from common.gpc import bucket\nbuild()\n", "import-of-missing-module"),
        ("if True:\n    import common.gpc\n", "import-of-missing-module"),
        ("from common.gcp import pail\n", "import-of-missing-name"),
        ("from common.gcp import bucket, pail as b\n", "import-of-missing-name"),
        ("from common import gpc\n", "import-of-missing-name"),
        ("class A:\n    from common.gcp import pail\n", "import-of-missing-name"),
    ],
)
def test_missing_at_import_is_an_error(text: str, rule: str) -> None:
    (found,) = check(text)
    assert (found.rule, found.severity, found.path) == (rule, Severity.ERROR, "dags/etl.py")


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    from common.gpc import bucket\n",
        "@task\ndef f():\n    from common.gcp import pail\nf()\n",
    ],
)
def test_missing_inside_a_function_is_a_warning(text: str) -> None:
    assert [found.severity for found in check(text)] == [Severity.WARNING]


@pytest.mark.parametrize(
    "text",
    [
        "from common.gcp import bucket\n",
        "try:\n    from common.local import x\nexcept ImportError:\n    x = 1\n",
        "try:\n    import json5\nexcept ImportError:\n    from common.gpc import bucket\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from common.gpc import Bucket\n",
        "if __name__ == '__main__':\n    from common.dev import run\n",
        "from kubernetes.client import models\n",
        "from a_library_nobody_knows import x\n",
        "import importlib\nimportlib.import_module(name)\n",
        "import importlib\nimportlib.import_module('.x', package='common')\n",
    ],
)
def test_what_is_there_guarded_or_foreign_is_silent(text: str) -> None:
    assert check(text) == []


def test_the_name_of_a_library_unknown_to_us_is_a_warning_where_nothing_proves_it_local() -> None:
    tree = {"dags/acme/sync.py": "from acme.client import Client\n", "dags/other.py": "import json\n"}
    assert [found.severity for found in check_part(make_graph(tree), tree)] == [Severity.WARNING]


def test_a_file_that_imports_its_own_name_means_a_library() -> None:
    assert check("from acme import Client\n", path="dags/acme.py") == []


def test_a_name_taken_from_a_helper_breaks_the_untouched_file_and_both_are_named() -> None:
    before = {**HELPERS, "dags/etl.py": "from common.gcp import bucket\n"}
    (found,) = change(before, {**before, "dags/common/gcp.py": "def pail(): ...\ndef table(): ...\n"})
    assert (found.path, found.line, found.severity) == ("dags/etl.py", 1, Severity.ERROR)
    assert found.message == (
        "`bucket` is imported from `common.gcp`, but dags/common/gcp.py does not define it: "
        "dags/common/gcp.py took it away"
    )


@pytest.mark.parametrize("moved", [{}, {"dags/common/cloud.py": HELPERS["dags/common/gcp.py"]}])
def test_a_deleted_or_moved_helper_breaks_its_importers(moved: dict[str, str]) -> None:
    after = {path: text for path, text in HELPERS.items() if path != "dags/common/gcp.py"}
    (found,) = change(HELPERS, {**after, **moved})
    assert (found.rule, found.path) == ("import-of-missing-module", "dags/other.py")
    assert "dags/common/gcp.py took it away" in found.message


@pytest.mark.parametrize(
    "after",
    [
        {"dags/a.py": "import helper\n", "dags/helpers.py": "def f(): ...\ndef g(): ...\n"},
        {"dags/a.py": "import helper\n", "dags/lib/helper.py": "def g(): ...\n"},
        {"dags/a.py": "import helper\n", "dags/b.py": "x = 1\n"},
    ],
    ids=["renamed", "moved", "dropped elsewhere"],
)
def test_a_top_level_module_that_moved_or_was_dropped_elsewhere_is_an_error(after: dict[str, str]) -> None:
    before = {"dags/a.py": "import helper\n", "dags/b.py": "import helper\n", "dags/helper.py": "def f(): ...\n"}
    (found,) = [each for each in change(before, {"dags/b.py": "x = 1\n", **after}) if each.path == "dags/a.py"]
    assert (found.rule, found.severity) == ("import-of-missing-module", Severity.ERROR)


def test_a_top_level_package_that_all_still_import_may_be_a_library_now() -> None:
    before = {"dags/a.py": "from calitp import x\n", "plugins/calitp.py": "x = 1\n"}
    (found,) = change(before, {"dags/a.py": before["dags/a.py"]})
    assert (found.rule, found.severity) == ("import-of-missing-module", Severity.WARNING)


def test_a_name_lost_through_a_star_import_breaks_the_file_behind_it() -> None:
    before = {
        "dags/base.py": "x = 1\n",
        "dags/api.py": "from base import *\n",
        "dags/shim.py": "from api import *\n",
        "dags/a.py": "from shim import x\n",
    }
    assert [found.path for found in change(before, {**before, "dags/base.py": "y = 1\n"})] == ["dags/a.py"]


def test_what_was_broken_before_in_untouched_files_is_not_this_changes() -> None:
    before = {**HELPERS, "dags/etl.py": "from common.gcp import pail\n"}
    assert change(before, {**before, "dags/common/gcp.py": "def table(): ...\n"}) == []


def test_what_the_changed_file_itself_lacks_is_told_though_old() -> None:
    before = {**HELPERS, "dags/etl.py": "from common.gcp import pail\n"}
    assert len(change(before, {**before, "dags/etl.py": "from common.gcp import pail\nx = 1\n"})) == 1


def test_a_push_that_brings_the_module_along_is_silent() -> None:
    brought = {"dags/etl.py": "from common.new import x\n", "dags/common/new.py": "x = 1\n"}
    assert change(HELPERS, {**HELPERS, **brought}) == []


def test_a_module_that_becomes_a_package_of_the_same_names_breaks_nothing() -> None:
    after = {**HELPERS, "dags/common/gcp/__init__.py": HELPERS["dags/common/gcp.py"]}
    del after["dags/common/gcp.py"]
    assert change(HELPERS, after) == []


def test_a_guarded_import_that_the_change_takes_away_is_a_warning() -> None:
    guarded = "try:\n    from common.gcp import bucket\nexcept ImportError:\n    bucket = None\n"
    before = {**HELPERS, "dags/etl.py": guarded}
    (found,) = change(before, {**before, "dags/common/gcp.py": "def table(): ...\n"})
    assert found.severity is Severity.WARNING


def test_a_suppression_with_a_reason_is_counted() -> None:
    allow = "# dagwarden: allow import-of-missing-module -- made by the image\n"
    (found,) = check(f"{allow}from common.built import x\n")
    assert (found.rule, found.severity) == ("suppressed", Severity.INFO)
    assert found.reason == "made by the image"
    assert found.allows is not None
    assert found.allows.rule == "import-of-missing-module"


def test_a_suppression_that_only_the_tree_can_judge_is_not_called_unused() -> None:
    assert {page.rule for page in IMPORT_RULES} == NEED_TREE
    text = b"# dagwarden: allow import-of-missing-module -- made by the image\nfrom common.built import x\n"
    assert lint_file("dags/a.py", text, load_catalogue()) == []


def test_of_a_checkout_only_the_files_asked_for_are_told() -> None:
    tree = {"dags/common/gcp.py": "x = 1\n", "dags/a.py": "from common.gcp import x, y\n"}
    tree["dags/b.py"] = tree["dags/a.py"]
    assert [found.path for found in check_part(make_graph(tree), ["dags/b.py", "dags/README.md"])] == ["dags/b.py"]


@pytest.mark.parametrize(
    "text",
    [
        "from common.built import (  # dagwarden: allow import-of-missing-module -- made by the image\n    x,\n)\n",
        "# dagwarden: allow import-of-missing-module -- made by the image\nfrom common.built import (\n    x,\n)\n",
        "from common.built import (\n    x,  # dagwarden: allow import-of-missing-module -- made by the image\n)\n",
    ],
)
def test_names_in_brackets_are_allowed_on_their_line_or_the_statements(text: str) -> None:
    assert [found.rule for found in check(text)] == ["suppressed"]


@pytest.mark.parametrize(
    "text",
    [
        "from common.gcp import bucket  # dagwarden: allow import-of-missing-name -- made by the image\n",
        "import requests  # dagwarden: allow import-of-missing-module -- a library\n",
        "x = 1  # dagwarden: allow import-of-missing-module -- no import at all\n",
        "from common.gcp import pail  # dagwarden: allow import-of-missing-module -- the other rule\n",
    ],
)
def test_a_comment_that_allows_no_import_is_a_finding(text: str) -> None:
    assert "unused-suppression" in [found.rule for found in check(text)]
    before, after = dict(HELPERS), {**HELPERS, "dags/etl.py": text}
    assert "unused-suppression" in [found.rule for found in change(before, after)]


@pytest.mark.parametrize(
    ("text", "is_told"),
    [
        ("from common.gcp import pail\n", True),
        ("from common import gpc\n", True),
        ("import common.gpc\n", True),
        ("from common.gcp import bucket\n", False),
        ("from billing.rates import nothing\n", False),
    ],
)
def test_of_other_files_is_told_what_they_import_from_these_or_from_beside_them(text: str, is_told: bool) -> None:
    tree = {**HELPERS, "dags/billing/rates.py": "RATE = 1\n", "dags/else.py": text}
    found = check_part(make_graph(tree), ["dags/common/gcp.py"])
    assert [each.path for each in found] == ["dags/else.py"] * is_told
