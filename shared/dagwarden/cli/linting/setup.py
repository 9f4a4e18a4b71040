"""What `dagwarden lint` lints by: the rules, the environment and the policy that were named."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from dagwarden.errors import InvalidInput
from dagwarden.lint.catalogue import Catalogue, add_rules, load_catalogue
from dagwarden.lint.sgconfig import list_files
from dagwarden.policy.environment import load_environment
from dagwarden.policy.load import check_own_rules, load_policy
from dagwarden.policy.model import Policy


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """The same for all files."""

    catalogue: Catalogue
    python: tuple[int, int]
    airflow: tuple[int, int]
    policy: Policy | None = None
    own: dict[str, bytes] = {}
    """The rule files of a team, by name."""
    own_folder: Path | None = None

    @property
    def opted_in(self) -> frozenset[str]:
        """Rules that the policy asks for by name."""
        return frozenset(self.policy.enforcement.rules) if self.policy else frozenset()


def read_setup(
    python: str, airflow: str, *, environment_file: Path | None, policy: Path | None, rules: Path | None
) -> Setup:
    """Read what was named.

    Args:
        rules: a folder of rules; without one, that which the policy names.

    Raises:
        InvalidInput: a file cannot be read or means nothing; every fault is named by file and line.
    """
    versions = _parse_version("--python", python), _parse_version("--airflow", airflow)
    if environment_file is not None:
        environment = load_environment(_read(environment_file), str(environment_file))
        versions = environment.python, environment.airflow
    loaded = load_policy(_read(policy), str(policy)) if policy is not None else None
    if rules is None and policy is not None and loaded is not None and loaded.lint.rules:
        rules = policy.parent / loaded.lint.rules
    own = _read_rules(rules) if rules is not None else {}
    catalogue = add_rules(load_catalogue(), own) if own else load_catalogue()
    if loaded is not None:
        check_own_rules(loaded, catalogue.pages)
    return Setup(catalogue=catalogue, python=versions[0], airflow=versions[1], policy=loaded, own=own, own_folder=rules)


def write_sgconfig(setup: Setup) -> None:
    """sgconfig.yml lies in the current folder afterwards, and Dagwarden's rules beside it.

    Raises:
        InvalidInput: an sgconfig.yml lies there that somebody else wrote.
    """
    own_folder = os.path.relpath(setup.own_folder) if setup.own_folder else ""
    standing = Path("sgconfig.yml")
    if standing.exists() and b"dagwarden lint --write-sgconfig" not in standing.read_bytes():
        raise InvalidInput(
            "is not ours", operation="write sgconfig", subject=str(standing), hint="move it away, or add our ruleDirs"
        )
    for name, content in list_files(setup.own, own_folder).items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)


def _read_rules(folder: Path) -> dict[str, bytes]:
    """Rule files by the name that messages call them."""
    files = {str(file): file.read_bytes() for file in sorted(folder.rglob("*.yml"))} if folder.is_dir() else {}
    if not files:
        raise InvalidInput("holds no rule (*.yml)", operation="load rules", subject=str(folder))
    return files


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(error.strerror or "cannot be read", operation="lint", subject=str(file)) from error


def _parse_version(option: str, text: str) -> tuple[int, int]:
    parts = text.split(".")
    if len(parts) != 2 or not all(part.isdecimal() and part.isascii() for part in parts):
        kind = "Python" if option == "--python" else "Airflow"
        raise InvalidInput(f"{text!r} is no {kind} version", operation="lint", hint=f"write e.g. {option} 3.11")
    return int(parts[0]), int(parts[1])
