"""Imports point one way only, and only the edges touch the world."""

from __future__ import annotations

import pytest

from tests.whole_repo.repository import Module, library, lies_in, local_cloud, mains

WORDS = ("errors", "names", "wire", "settings", "yaml_nodes", "documents")
PURE = (
    *WORDS,
    "events",
    "iam",
    "lint",
    "policy",
    *(
        f"push.{name}"
        for name in (
            "manifest",
            "archive",
            "paths",
            "rules",
            "ancestry",
            "tar",
            "ssh_key",
            "ssh_signature",
            "git_commit",
        )
    ),
    *(f"ledger.{name}" for name in ("state", "envelope", "archive", "release", "changes")),
    *(f"sync.{name}" for name in ("plan", "drift", "notice")),
    *(f"audit.{name}" for name in ("entry", "entries")),
    *(
        f"validate.{name}"
        for name in (
            *("guarantees", "import_rules", "identity", "identity_table", "model", "places", "plain", "reach"),
            "rules",
        )
    ),
)
"""Values in, values out: no Google, no environment, no clock, no network."""

LAYERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("words", WORDS),
    ("pure core", PURE),
    ("cloud", ("cloud",)),
    ("flows", ("push", "ledger", "validate", "audit", "sync")),
    ("uses", ("report", "airflow", "handlers")),
    ("edges", ("cli", "console")),
)
"""From below to above; a module belongs to the first layer that names it. It imports from its own and those below."""

EXCEPTIONS = {
    ("dagwarden.ledger.envelope", "dagwarden.cloud.identity"): (
        "checks a signature with a certificate it is handed: is_signed is a pure function of its arguments, and lies "
        "beside the code that signs so that both change together"
    ),
}

SUBPROCESS_STARTERS = {
    "dagwarden.lint.ruff": "text in, findings out, by way of a process that sees nothing but that text",
}

IMPLICIT = {"dagwarden.push", "dagwarden.ledger", "dagwarden.sync", "dagwarden.audit", "dagwarden"}
"""Packages: importing a module names its package too; these hold nothing themselves."""

ENVIRONMENT_READERS = {
    "dagwarden.cli": "an edge",
    "localcloud": "an edge: starts processes and hands them their environment",
    "dagwarden.push.git_remote": "the main of the git-remote-dagwarden script",
    "dagwarden.validate": "its forked children run DAG code: their environment is their own, and they end by os._exit",
}
PRINTERS = {
    "dagwarden.cli": "an edge",
    "dagwarden.push.git_remote": "the main of the git-remote-dagwarden script: its output is git's protocol",
    "localcloud.__main__": "the main of the local cloud: says where it listens",
}
GOOGLE_IMPORTERS = {
    "dagwarden.cloud": "the one room that Google's clients live in",
    "localcloud": "is the other end of those clients: their protocol messages, and the owner that provisions the stack",
}
PROTOBUF = ("google.protobuf",)
"""Values and their types, in which CEL takes the model: no client of Google's, no network."""
ENVIRONMENT = {"os.environ", "os.getenv", "os.putenv", "sys.exit", "os._exit"}
SCREEN = {"print()", "sys.stdout", "sys.stderr", "typer.echo"}
CLOCKS = {
    *("time.time", "time.monotonic", "time.sleep", "time.time_ns", "time.perf_counter"),
    *("dt.datetime.now", "datetime.now", "datetime.datetime.now", "dt.date.today", "utc_now()"),
}
OUTSIDE = (
    "google",
    "requests",
    "httpx",
    "urllib.request",
    "socket",
    "subprocess",
    "random",
    "secrets",
    "uuid",
    "airflow",
)


def layer_of(module: str) -> int:
    for rank, (_, places) in enumerate(LAYERS):
        if lies_in(module, tuple(f"dagwarden.{place}" for place in places)):
            return rank
    raise AssertionError(f"{module} belongs to no layer: give it one in LAYERS")


def is_pure(module: Module) -> bool:
    return lies_in(module.name, tuple(f"dagwarden.{place}" for place in PURE))


def name_all(modules: list[Module]) -> list[str]:
    return [module.name for module in modules]


@pytest.mark.parametrize(
    "module", [each for each in library() if each.name not in IMPLICIT], ids=lambda each: each.name
)
def test_imports_point_one_way_only(module: Module) -> None:
    own = layer_of(module.name)
    above = {
        name
        for name in module.imports()
        if name.startswith("dagwarden.")
        and name not in IMPLICIT
        and (module.name, name) not in EXCEPTIONS
        and layer_of(name) > own
    }
    assert not above, f"{module.name} ({LAYERS[own][0]}) imports from above"


def test_every_exception_is_still_needed() -> None:
    used = {(module.name, name) for module in library() for name in module.imports()}
    assert used >= set(EXCEPTIONS)


def test_packages_that_imports_name_implicitly_hold_no_code() -> None:
    packages = {module.name: module for module in library() if module.name in IMPLICIT}
    assert set(packages) == IMPLICIT
    assert [name for name, module in packages.items() if module.imports()] == []


def test_the_pure_core_knows_no_world() -> None:
    for module in filter(is_pure, library()):
        outside = {name for name in module.imports() if lies_in(name, OUTSIDE) and not lies_in(name, PROTOBUF)}
        assert not outside - ({"subprocess"} if module.name in SUBPROCESS_STARTERS else set()), module.name
        assert not module.mentions() & (ENVIRONMENT | CLOCKS | SCREEN), module.name


def test_only_cloud_imports_google() -> None:
    foreign = [
        module.name
        for module in [*library(), *local_cloud()]
        if not lies_in(module.name, set(GOOGLE_IMPORTERS))
        and any(lies_in(name, ("google",)) and not lies_in(name, PROTOBUF) for name in module.imports())
    ]
    assert foreign == []


def test_only_edges_touch_the_environment() -> None:
    touching = [
        module.name
        for module in [*library(), *local_cloud()]
        if not lies_in(module.name, set(ENVIRONMENT_READERS)) and module.mentions() & ENVIRONMENT
    ]
    assert touching == []


def test_only_the_command_line_prints() -> None:
    printing = [
        module.name
        for module in [*library(), *local_cloud(), *mains()]
        if not lies_in(module.name, set(PRINTERS)) and module.mentions() & SCREEN
    ]
    assert printing == []


def test_the_library_knows_the_local_cloud_only_in_the_verbs_that_run_it() -> None:
    knowing = [module.name for module in library() if any(lies_in(name, ("localcloud",)) for name in module.imports())]
    assert knowing == ["dagwarden.cli.demo", "dagwarden.cli.local"]


def test_functions_have_no_sibling_modules() -> None:
    """functions-framework loads every main.py as the module `main`: siblings of two functions would be confused."""
    assert {path.name for main in mains() for path in main.path.parent.glob("*.py")} == {"main.py"}


def test_function_mains_read_the_environment_and_call_one_handler() -> None:
    for main in mains():
        handlers = [name for name in main.imports() if name.startswith("dagwarden.handlers.")]
        own = (f"dagwarden.handlers.{main.name}", f"dagwarden.handlers.{main.name}_events")
        assert {"dagwarden.handlers.boundary", *own} >= set(handlers), main.name
