"""Lints what is offered, by the environment it is offered to and the rules its policy brings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from dagwarden.cloud.clients import Cloud
from dagwarden.errors import InvalidInput, NotFound
from dagwarden.lint.catalogue import Catalogue, add_rules, load_catalogue
from dagwarden.lint.finding import Finding
from dagwarden.lint.lint import lint_files
from dagwarden.names import EnvironmentName, ReleasePath, environment_object, own_rules_prefix
from dagwarden.policy.environment import Environment, load_environment
from dagwarden.policy.load import check_own_rules
from dagwarden.policy.model import Policy
from dagwarden.push.rules import find

ENVIRONMENT_AGE = dt.timedelta(minutes=1)
"""How long environment.yaml is believed without reading it again."""

Versions = tuple[tuple[int, int], tuple[int, int]]
_Generations = tuple[tuple[str, int], ...]
DEFAULT_VERSIONS: Versions = ((3, 11), (3, 3))
"""Python and Airflow of an environment without environment.yaml."""


def versions_of(environment: Environment | None) -> Versions:
    """Python and Airflow of an environment."""
    return DEFAULT_VERSIONS if environment is None else (environment.python, environment.airflow)


class OfferLinter:
    """One for each process; what it keeps is a cache of the store."""

    def __init__(self, cloud: Cloud, *, now: Callable[[], dt.datetime]) -> None:
        self._cloud = cloud
        self._now = now
        self._environments: dict[EnvironmentName, tuple[dt.datetime, Environment | None]] = {}
        self._own: dict[str, tuple[_Generations, Catalogue]] = {}

    def lint(
        self, environment: EnvironmentName, files: Mapping[ReleasePath, bytes], policy: Policy | None
    ) -> list[Finding]:
        """The findings in these files. What they are to be linted by and cannot be read is a finding that denies:
        nothing is let through because a rule is broken.

        Raises:
            Transient: the store does not answer.
        """
        findings: list[Finding] = []
        try:
            python, airflow = versions_of(self.describe(environment))
        except InvalidInput as error:
            findings.append(find("environment-unreadable", message=error.message))
            python, airflow = DEFAULT_VERSIONS
        catalogue = self._read_catalogue(environment, policy, findings)
        opted_in = policy.enforcement.rules if policy else ()
        return [*findings, *lint_files(files, catalogue, python=python, airflow=airflow, opted_in=opted_in)]

    def describe(self, environment: EnvironmentName) -> Environment | None:
        """What environment.yaml says; None where nobody wrote one.

        Raises:
            InvalidInput: it is none.
            Transient: the store does not answer.
        """
        read_at, known = self._environments.get(environment, (None, None))
        if read_at is not None and self._now() - read_at < ENVIRONMENT_AGE:
            return known
        try:
            known = load_environment(self._cloud.store.read(environment_object(environment)))
        except NotFound:
            known = None
        self._environments[environment] = (self._now(), known)
        return known

    def _read_catalogue(
        self, environment: EnvironmentName, policy: Policy | None, findings: list[Finding]
    ) -> Catalogue:
        packaged = load_catalogue()
        if policy is None or not policy.lint.rules:
            return packaged
        try:
            catalogue = self._read_own(own_rules_prefix(environment, policy.lint.rules))
            check_own_rules(policy, catalogue.pages)
        except (InvalidInput, NotFound) as error:
            findings.append(find("rules-unreadable", message=error.message))
            return packaged
        return catalogue

    def _read_own(self, prefix: str) -> Catalogue:
        """All rules with those under a prefix; they are read again when one of them has another generation."""
        infos = [info for info in self._cloud.store.list(prefix) if info.name.endswith(".yml")]
        generations = tuple((info.name, info.generation) for info in infos)
        known, catalogue = self._own.get(prefix, ((), load_catalogue()))
        if generations and known == generations:
            return catalogue
        if not generations:
            raise InvalidInput("holds no rule (*.yml)", operation="load rules", subject=prefix)
        contents = {name: self._cloud.store.read(name, generation) for name, generation in generations}
        catalogue = add_rules(load_catalogue(), {name.removeprefix(prefix): each for name, each in contents.items()})
        self._own[prefix] = (generations, catalogue)
        return catalogue
