"""The import graph: what a file imports, what a module offers, and how far a change reaches."""

from __future__ import annotations

import pytest

from dagwarden.lint.graph import ImportGraph, Status, affected, build_graph
from dagwarden.lint.imports import UNREADABLE, Import, When, read_imports

TREE = {
    "dags/etl.py": "from common.gcp import bucket\nimport common.dates as d\n",
    "dags/report.py": "from team import steps\n",
    "dags/alone.py": "import airflow\nimport json\n",
    "dags/common/__init__.py": "",
    "dags/common/gcp.py": "from .names import BUCKET\ndef bucket(): ...\n",
    "dags/common/names.py": "BUCKET = 'b'\n",
    "dags/common/dates.py": "def today(): ...\n",
    "dags/team/steps.py": "from hooks.api import Api\n",
    "plugins/hooks/api.py": "class Api: ...\n",
}


def make_graph(tree: dict[str, str]) -> ImportGraph:
    return build_graph({path: text.encode() for path, text in tree.items()})


def status_of(statement: str, tree: dict[str, str] = TREE, path: str = "dags/new.py") -> Status:
    graph = make_graph({**tree, path: statement})
    (found,) = graph.files[path].imports
    return graph.status(found)


@pytest.mark.parametrize(
    "statement",
    [
        "import common",
        "import common.gcp",
        "import common.gcp as g",
        "from common import gcp",
        "from common.gcp import bucket",
        "from common.gcp import bucket as b",
        "from common.gcp import BUCKET",
        "from common.gcp import *",
        "from team import steps",
        "from team.steps import Api",
        "from hooks.api import Api",
        "from common import __path__",
        "import importlib\nimportlib.import_module('common.gcp')",
    ],
)
def test_what_the_tree_has_is_present(statement: str) -> None:
    assert status_of(statement) is Status.PRESENT


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        ("import common.gpc", Status.MISSING_MODULE),
        ("from common.gpc import bucket", Status.MISSING_MODULE),
        ("from common.gcp.deep import bucket", Status.MISSING_MODULE),
        ("import importlib\nx = importlib.import_module('team.stepz')", Status.MISSING_MODULE),
        ("from common.gcp import Bucket", Status.MISSING_NAME),
        ("from common import gpc", Status.MISSING_NAME),
        ("from team import stepz", Status.MISSING_NAME),
        ("from somewhere import x", Status.FOREIGN),
        ("import gcp", Status.FOREIGN),
    ],
)
def test_what_the_tree_lacks_is_told(statement: str, status: Status) -> None:
    assert status_of(statement) is status


@pytest.mark.parametrize(
    ("path", "statement", "status"),
    [
        ("dags/common/new.py", "from . import gcp", Status.PRESENT),
        ("dags/common/new.py", "from .gcp import bucket", Status.PRESENT),
        ("dags/common/new.py", "from .gpc import bucket", Status.MISSING_MODULE),
        ("dags/common/deep/new.py", "from ..gcp import bucket", Status.PRESENT),
        ("dags/common/deep/new.py", "from ..gcp import pail", Status.MISSING_NAME),
        ("dags/common/__init__.py", "from .gcp import bucket", Status.PRESENT),
        ("dags/new.py", "from .alone import x", Status.MISSING_NAME),
        ("dags/new.py", "from .lost import x", Status.MISSING_MODULE),
    ],
)
def test_relative_imports_start_at_their_package(path: str, statement: str, status: Status) -> None:
    assert status_of(statement, path=path) is status


def test_imports_above_the_root_are_nobodys() -> None:
    assert read_imports("dags/a/b.py", b"from ...c import d\n").imports == ()


@pytest.mark.parametrize("library", ["json", "airflow.models", "google.cloud.storage", "pandas", "kubernetes.client"])
def test_libraries_are_left_out_even_where_a_folder_has_their_name(library: str) -> None:
    assert read_imports("dags/a.py", f"from {library} import x\n".encode()).imports == ()


@pytest.mark.parametrize(
    "module",
    [
        "def __getattr__(name): ...",
        "globals()['x'] = 1",
        "import sys\nsys.modules[__name__] = object()",
        "exec('x = 1')",
        "from airflow.models import *",
        "def broken(:",
    ],
)
def test_modules_that_hide_their_names_are_unknown(module: str) -> None:
    assert status_of("from open_one import x", {"dags/open_one.py": module}) is Status.UNKNOWN


@pytest.mark.parametrize(
    "module",
    [
        "x = 1",
        "x: int = 1",
        "a, (b, *x) = 1, (2, 3)",
        "import x",
        "import x.y",
        "import y as x",
        "from y import x",
        "from y import z as x",
        "def x(): ...",
        "async def x(): ...",
        "class x: ...",
        "for x in []: ...",
        "with open('f') as x: ...",
        "if 1:\n    x = 1",
        "try:\n    pass\nexcept Exception as x:\n    pass",
        "try:\n    import fast as x\nexcept ImportError:\n    x = None",
        "print(x := 1)",
        "def f():\n    global x\n    x = 1",
        "match 1:\n    case x: ...",
        "from base import *",
        "__all__ = ['y']\nx = 1",
    ],
)
def test_every_way_to_bind_a_name_offers_it(module: str) -> None:
    tree = {"dags/helper.py": module, "dags/base.py": "x = 1\n"}
    assert status_of("from helper import x", tree) in {Status.PRESENT, Status.UNKNOWN}


@pytest.mark.parametrize("module", ["def f():\n    x = 1", "class A:\n    x = 1", "y.x = 1", "lambda x: 1", "print(x)"])
def test_names_of_inner_scopes_are_not_offered(module: str) -> None:
    assert status_of("from helper import x", {"dags/helper.py": module}) is Status.MISSING_NAME


def test_star_imports_in_a_circle_end() -> None:
    tree = {"dags/a.py": "from b import *\n", "dags/b.py": "from a import *\n"}
    assert status_of("from a import x", tree) is Status.MISSING_NAME


def test_compiled_modules_are_there_and_unread() -> None:
    graph = build_graph(
        {"dags/fast/core.cpython-311-x86_64-linux-gnu.so": b"\x7fELF", "dags/a.py": b"import fast.core\n"}
    )
    assert graph.status(graph.files["dags/a.py"].imports[0]) is Status.UNKNOWN


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("import m", When.IMPORT),
        ("class A:\n    import m", When.IMPORT),
        ("if x:\n    import m", When.IMPORT),
        ("def f():\n    import m", When.CALL),
        ("@task\ndef f():\n    import m\nf()", When.CALL),
        ("def f():\n    import m\nf()", When.IMPORT),
        ("@dag(schedule=None)\ndef f():\n    import m\nf()", When.IMPORT),
        ("def g():\n    import m\ndef f():\n    g()\nf()", When.IMPORT),
        ("def f():\n    import m\ntask(f)", When.CALL),
        ("def f():\n    import m\nif __name__ == '__main__':\n    f()", When.CALL),
        ("def f():\n    import m\n    yield 1\nf()", When.CALL),
        ("try:\n    import m\nexcept ImportError:\n    pass", When.GUARDED),
        ("try:\n    pass\nexcept (ValueError, ModuleNotFoundError):\n    import m", When.GUARDED),
        ("try:\n    import m\nexcept ValueError:\n    pass", When.IMPORT),
        ("import contextlib\nwith contextlib.suppress(ImportError):\n    import m", When.GUARDED),
        ("if TYPE_CHECKING:\n    import m", When.NEVER),
        ("import typing as t\nif t.TYPE_CHECKING:\n    pass\nelse:\n    import m", When.IMPORT),
        ("if __name__ == '__main__':\n    import m", When.NEVER),
    ],
)
def test_when_an_import_runs_is_told(text: str, when: When) -> None:
    (found,) = read_imports("dags/a.py", text.encode()).imports
    assert (found.module, found.when) == ("m", when)


def test_a_change_reaches_all_that_import_it_however_far() -> None:
    graph = make_graph(TREE)
    assert affected(graph, ["dags/common/names.py"]) == {"dags/common/names.py", "dags/common/gcp.py", "dags/etl.py"}
    assert affected(graph, ["plugins/hooks/api.py"]) == {"plugins/hooks/api.py", "dags/team/steps.py", "dags/report.py"}
    assert affected(graph, ["dags/alone.py"]) == {"dags/alone.py"}


def test_a_package_reaches_all_that_import_from_it() -> None:
    assert "dags/etl.py" in affected(make_graph(TREE), ["dags/common/__init__.py"])


def test_a_circle_of_imports_ends() -> None:
    graph = make_graph({"dags/a.py": "import b\n", "dags/b.py": "import a\n"})
    assert affected(graph, ["dags/a.py"]) == {"dags/a.py", "dags/b.py"}


def test_changing_a_graph_equals_building_it() -> None:
    after = {**TREE, "dags/common/gcp.py": "x = 1\n", "dags/late/new.py": "import common.dates\n"}
    del after["dags/team/steps.py"]
    put = {path: read_imports(path, after[path].encode()) for path in ("dags/common/gcp.py", "dags/late/new.py")}
    changed = make_graph(TREE).replace(put, ["dags/team/steps.py", "dags/never/there.py"])
    assert changed == make_graph(after)


def test_a_deleted_folder_is_no_package_any_more() -> None:
    graph = make_graph(TREE).replace({}, ["dags/team/steps.py"])
    assert graph.status(Import("team", "", 1, 1, When.IMPORT, 1)) is Status.FOREIGN


def test_both_roots_offer_a_module_of_one_name() -> None:
    tree = {"dags/utils.py": "a = 1\n", "plugins/utils.py": "b = 1\n"}
    assert {status_of(f"from utils import {name}", tree) for name in "ab"} == {Status.PRESENT}


@pytest.mark.parametrize("content", [b"def f(:", b"\x00", b"\xff\xfe", b"print 'x'", b"(" * 5000, b""])
def test_what_is_no_python_imports_nothing(content: bytes) -> None:
    found = read_imports("dags/a.py", content)
    assert found.imports == ()
    assert found == UNREADABLE or not content
