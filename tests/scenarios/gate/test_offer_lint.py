"""A gate lints by the environment's Python and the team's own rules, and lets nothing through when those are broken."""

from __future__ import annotations

import datetime as dt

import pytest

from dagwarden.cloud.clients import Cloud
from dagwarden.handlers.offer_lint import ENVIRONMENT_AGE, OfferLinter
from dagwarden.lint.finding import Finding, Severity
from dagwarden.names import EnvironmentName, ReleasePath, environment_object
from dagwarden.policy.load import load_policy

PROD = EnvironmentName("prod")
MATCH = {ReleasePath("dags/a.py"): b"match x():\n    case 1:\n        pass\n"}
SWAP = {ReleasePath("dags/a.py"): b"from x import swap\nswap(1, 2)\n"}
POLICY = b"apiVersion: dagwarden/v1\nkind: Policy\nlint: {rules: rules}\nenforcement: {rules: {no-swap: enforce}}\n"
RULE = """\
id: no-swap
language: python
severity: warning
message: found
note: Write the other.
metadata: {code: ACME1, category: style, since: "1", literals: [[swap]], what: w, why: y, example: e, instead: i}
rule: {pattern: "swap($A, $B)"}
"""


class Desk:
    """A linter and its clock."""

    def __init__(self, cloud: Cloud) -> None:
        self.store = cloud.store
        self.now = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
        self.linter = OfferLinter(cloud, now=lambda: self.now)

    def write(self, name: str, text: str) -> None:
        self.store.write(name, text.encode(), generation=None, content_type="application/yaml")

    def lint(self, files: dict[ReleasePath, bytes], policy: bytes | None = None) -> list[Finding]:
        return self.linter.lint(PROD, files, load_policy(policy) if policy else None)

    def rules(self, files: dict[ReleasePath, bytes], policy: bytes | None = None) -> list[str]:
        return [finding.rule for finding in self.lint(files, policy)]


@pytest.fixture
def desk(cloud: Cloud) -> Desk:
    """A linter of one environment."""
    return Desk(cloud)


def test_files_are_held_to_the_python_of_the_environment(desk: Desk) -> None:
    assert desk.rules(MATCH) == ["undefined-name-at-import"]
    desk.write(environment_object(PROD), 'apiVersion: dagwarden/v1\nkind: Environment\nname: prod\npython: "3.9"\n')
    assert desk.rules(MATCH) == ["undefined-name-at-import"], "believed for a minute"
    desk.now += ENVIRONMENT_AGE
    assert desk.rules(MATCH) == ["syntax-error"]


def test_a_broken_environment_denies(desk: Desk) -> None:
    desk.write(environment_object(PROD), "kind: Environment\n")
    (finding, *_) = desk.lint(MATCH)
    assert (finding.rule, finding.severity) == ("environment-unreadable", Severity.ERROR)


def test_rules_of_the_team_are_held_to_and_read_anew_when_they_change(desk: Desk) -> None:
    desk.write("prod/rules/no-swap.yml", RULE)
    assert desk.rules(SWAP, POLICY) == ["no-swap"]
    assert desk.rules(SWAP) == []
    desk.write("prod/rules/no-swap.yml", RULE.replace("swap($A, $B)", "swap()"))
    assert desk.rules(SWAP, POLICY) == []


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("", "holds no rule"),
        (RULE.replace("pattern", "patern"), "no-swap.yml:7: ast-grep does not take it"),
        (RULE.replace("ACME1", "AIR301"), "`AIR301` is already taken"),
        (RULE.replace("no-swap", "no-swop"), "no-swap.yml:1: `id` must be the file's name"),
    ],
)
def test_a_bad_rule_lets_nothing_through(rule: str, said: str, desk: Desk) -> None:
    if rule:
        desk.write("prod/rules/no-swap.yml", rule)
    (finding,) = desk.lint(SWAP, POLICY)
    assert (finding.rule, finding.severity) == ("rules-unreadable", Severity.ERROR)
    assert said in finding.message


def test_a_policy_that_names_rules_nobody_has_lets_nothing_through(desk: Desk) -> None:
    desk.write("prod/rules/no-swap.yml", RULE)
    (finding, *_) = desk.lint(SWAP, POLICY.replace(b"no-swap: enforce", b"no-swop: enforce"))
    assert finding.rule == "rules-unreadable"
    assert "policy.yaml:4: `no-swop` is no rule; did you mean `no-swap`?" in finding.message
