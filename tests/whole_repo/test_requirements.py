"""The lock is complete, hashed and in step with what the product imports; functions name their part of it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from infra.ci.package import FUNCTIONS, closure, read_lock, read_names

from tests.whole_repo.repository import ROOT, Module, library, local_cloud, parse

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OWN = {"dagwarden", "localcloud", "tests", "infra"}
PROVIDERS = {**packages_distributions(), "airflow": ["apache-airflow"]}
"""Top-level name -> the distributions that have it. `google` is many: test_packages.py boots with what is named."""

THROUGH = {
    "requests": "google-auth and the storage client speak through it, and its exceptions escape them",
    "grpcio": "google-cloud-pubsub's transport, which the local Pub/Sub serves",
    "google-crc32c": "the checksum that google-cloud-storage sends",
}
"""Packages the product imports that come with a direct dependency, whose interface they are part of."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def direct() -> set[str]:
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
    return {normal(re.split(r"[\[<>=!~;\s]", each, maxsplit=1)[0]) for each in wanted}


def distributions_of(module: Module) -> set[str]:
    """The distributions that a module's imports come from."""
    found: set[str] = set()
    for name in module.imports():
        top = name.split(".")[0]
        if top in sys.stdlib_module_names or top in OWN or top == "google":
            continue
        found |= {normal(each) for each in PROVIDERS.get(top, [top])}
    return found


def test_every_direct_dependency_is_locked() -> None:
    assert direct() <= set(read_lock())


def test_everything_locked_is_hashed_and_of_one_version() -> None:
    for name, block in read_lock().items():
        assert re.match(rf"{re.escape(name)}==\S+ \\\n", block), block.splitlines()[0]
        assert "--hash=sha256:" in block, name


def test_nothing_is_imported_that_is_not_depended_on() -> None:
    imported = {name: module.name for module in [*library(), *local_cloud()] for name in distributions_of(module)}
    assert {name: where for name, where in imported.items() if name not in direct() | set(THROUGH)} == {}
    assert set(THROUGH) <= set(imported), "no longer imported"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_names_packages_of_the_lock(function: str) -> None:
    names = read_names(function)
    assert set(names) <= set(read_lock())
    assert names == sorted(set(names)), "sorted, each once, without versions: those are the lock's"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_leaves_out_what_only_others_need(function: str) -> None:
    carried = set(closure(read_names(function)))
    if function == "validate":  # it imports DAG files, so it carries Airflow, which carries most of these
        assert "apache-airflow" in carried
        return
    assert not carried & {
        "apache-airflow",
        "typer",
        "rich",
        "starlette-testclient",
        "prometheus-client",
        "pytest",
        *(() if function == "gate" else ("ruff",)),
    }


def test_a_function_needs_pubsub_exactly_if_it_publishes() -> None:
    publishing = {function for function in FUNCTIONS if "google-cloud-pubsub" in read_names(function)}
    assert publishing == {"notify", "mirror"}


def test_console_scripts_lead_to_functions() -> None:
    for target in PROJECT["scripts"].values():
        module, attribute = target.split(":")
        tree = parse(ROOT / "shared" / f"{module.replace('.', '/')}.py")
        assert attribute in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
