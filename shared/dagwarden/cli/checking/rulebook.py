"""What `dagwarden check` judges by: files that were named, else what is in force somewhere, else what is packaged."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec

from dagwarden.cli.linting.setup import read_setup
from dagwarden.cli.options import Connection
from dagwarden.errors import NotFound
from dagwarden.handlers.check import Base
from dagwarden.ledger.read import Ledger
from dagwarden.ledger.state import empty_state
from dagwarden.lint.catalogue import Catalogue
from dagwarden.names import environment_object, own_rules_prefix, policy_object
from dagwarden.policy.environment import Environment, load_environment
from dagwarden.policy.load import load_policy
from dagwarden.policy.model import Policy

PACKAGED = b"""\
apiVersion: dagwarden/v1
kind: Policy
pushers:
  - name: whoever checks
    principals: ["*"]
    paths: ["dags/**", "plugins/**"]
    may: [push, force]
"""
"""What stands in for a policy where none is named: every rule as it is rated, and nobody is refused."""
PYTHON, AIRFLOW = "3.11", "3.3"


class Rulebook(msgspec.Struct, frozen=True, kw_only=True):
    """Policy, environment and rules."""

    policy: Policy | None
    """None: the environment has none."""
    environment: Environment | None
    catalogue: Catalogue


def read_rulebook(policy: Path | None, environment_file: Path | None, connection: Connection | None) -> Rulebook:
    """Read what was named; of what was not, that of the environment.

    Raises:
        InvalidInput: a file cannot be read or means nothing; every fault is named by file and line.
    """
    with tempfile.TemporaryDirectory(prefix="dagwarden-policy-") as folder:
        if connection is not None:
            policy = policy or _fetch_policy(connection, Path(folder))
            environment_file = environment_file or _fetch_environment(connection, Path(folder))
        setup = read_setup(PYTHON, AIRFLOW, environment_file=environment_file, policy=policy, rules=None)
        if policy is not None:
            loaded: Policy | None = load_policy(policy.read_bytes(), policy.name)
        else:
            loaded = load_policy(PACKAGED, "the packaged policy") if connection is None else None
        environment = load_environment(environment_file.read_bytes()) if environment_file is not None else None
    return Rulebook(policy=loaded, environment=environment, catalogue=setup.catalogue)


def read_head(connection: Connection) -> Base:
    """The head release of an environment.

    Raises:
        Tampered: the ledger or the store do not hold together.
    """
    ledger, environment = Ledger(connection.cloud), connection.environment
    head = ledger.find_head(environment)
    if head is None:
        return Base(empty_state(environment), {})
    files = ledger.restore(environment, head)
    state = ledger.state(environment, head.release.number)
    return Base(state, {path: file.content for path, file in files.items()})


def _fetch_policy(connection: Connection, folder: Path) -> Path | None:
    file = _fetch(connection, policy_object(connection.environment), folder / "policy.yaml")
    rules = load_policy(file.read_bytes(), file.name).lint.rules if file is not None else ""
    if rules:
        prefix = own_rules_prefix(connection.environment, rules)
        for info in connection.cloud.store.list(prefix):
            if info.name.endswith(".yml"):
                _fetch(connection, info.name, folder / rules / info.name.removeprefix(prefix))
    return file


def _fetch_environment(connection: Connection, folder: Path) -> Path | None:
    return _fetch(connection, environment_object(connection.environment), folder / "environment.yaml")


def _fetch(connection: Connection, name: str, file: Path) -> Path | None:
    try:
        content = connection.cloud.store.read(name)
    except NotFound:
        return None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file
