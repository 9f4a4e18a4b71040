"""Every attempt to get a task run as somebody the team may not use is denied or told; its benign twin passes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
import pytest

from dagwarden.ledger.release import PutFile
from dagwarden.ledger.state import empty_state
from dagwarden.lint.catalogue import load_catalogue
from dagwarden.lint.finding import Finding, Severity
from dagwarden.lint.lint import lint_files
from dagwarden.names import Component, Digest, EnvironmentName, ReleasePath
from dagwarden.policy.decide import Decision, decide
from dagwarden.policy.environment import Environment
from dagwarden.policy.facts import PushFacts
from dagwarden.policy.load import load_policy
from dagwarden.policy.mentions import find_mentions
from dagwarden.policy.verdict import Outcome, Principal
from dagwarden.push.manifest import PushManifest
from dagwarden.validate.engine import Validator
from dagwarden.validate.report import FileReport, ValidateSettings
from tests.scenarios.red_team.attempt import POLICY, WORKER, Attempt, write_file
from tests.scenarios.red_team.table import ATTEMPTS

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
PROD = EnvironmentName("prod")
STANDINS = Path(__file__).parent / "standins.py.txt"
ENVIRONMENT = Environment(
    name=PROD, bucket="", python=(3, 11), airflow=(3, 3), components=tuple(Component), service_accounts=(WORKER,)
)


class Case(msgspec.Struct, frozen=True):
    """The files of an attempt, or of a twin."""

    path: ReleasePath
    files: dict[ReleasePath, bytes]


def lay_out(number: int, attempt: Attempt, *, is_twin: bool) -> Case:
    name = f"{'twin' if is_twin else 'attempt'}_{number:03}"
    text, beside = (attempt.good, attempt.beside_good) if is_twin else (attempt.bad, attempt.beside)
    template = "" if is_twin else attempt.path
    path = ReleasePath((template or "dags/sales/NAME.py").replace("NAME", name))
    module = f"module_{name}"
    text = write_file(text.replace("NAME", name).replace("WORKERS", module), name)
    files = {path: text.encode()}
    for other, content in beside.items():
        files[ReleasePath(f"dags/sales/{other.replace('WORKERS', module)}")] = content.encode()
    return Case(path, files)


CASES = {
    (attempt.name, is_twin): lay_out(number, attempt, is_twin=is_twin)
    for number, attempt in enumerate(ATTEMPTS)
    for is_twin in (False, True)
}


@pytest.fixture(scope="module")
def decisions(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], Decision]:
    """What is decided of each, by lint, by the import in a child of its own, and by the policy."""
    root = tmp_path_factory.mktemp("tree")
    (root / "plugins").mkdir()
    (root / "plugins" / "standins.py").write_bytes(STANDINS.read_bytes())
    for case in CASES.values():
        for path, content in case.files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
    with Validator() as validator:
        settings = ValidateSettings(slow_import_s=60.0, heavy_import_s=60.0)
        reports = validator.validate_files(root, [case.path for case in CASES.values()], settings)
    everything = {path: content for case in CASES.values() for path, content in case.files.items()}
    linted: dict[str, list[Finding]] = {}
    for finding in lint_files(everything, load_catalogue()):
        linted.setdefault(finding.path, []).append(finding)
    by_path = {report.path: report for report in reports}
    return {key: decide_on(case, by_path[case.path], linted) for key, case in CASES.items()}


def decide_on(case: Case, report: FileReport, linted: dict[str, list[Finding]]) -> Decision:
    found = [finding for path in case.files for finding in linted.get(path, [])]
    mentions = [mention for path, content in case.files.items() for mention in find_mentions(path, content)]
    return decide(
        load_policy(POLICY.encode()),
        PushFacts(
            principal=Principal(name="sales-ci@acme.iam.gserviceaccount.com", attested_by="jwt"),
            manifest=PushManifest(environment=PROD, source="git", created_at=NOW, changes=()),
            is_raw_drop=False,
            state=empty_state(PROD),
            changes=tuple(
                PutFile(path=path, sha256=Digest("0" * 64), md5="", size_bytes=len(content), mode="0644")
                for path, content in case.files.items()
            ),
            findings=(*found, *report.findings),
            files=() if report.model is None else (report.model,),
            mentions=tuple(mentions),
            environment=ENVIRONMENT,
            now=NOW,
        ),
    )


Decisions = dict[tuple[str, bool], Decision]


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.name)
def test_an_attempt_is_denied_for_the_right_reason(decisions: Decisions, attempt: Attempt) -> None:
    decision = decisions[attempt.name, False]
    told = [finding for finding in decision.findings if finding.rule == attempt.rule]
    assert [finding for finding in told if attempt.says in finding.message], decision.findings
    if not attempt.is_reported:
        errors = [finding for finding in told if finding.severity is Severity.ERROR]
        assert decision.outcome is Outcome.DENIED
        assert all(finding.clause.startswith("policy.yaml:") and finding.hint for finding in errors)
        assert errors


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.name)
def test_its_benign_twin_passes(decisions: Decisions, attempt: Attempt) -> None:
    decision = decisions[attempt.name, True]
    wrong = [finding for finding in decision.findings if finding.severity is Severity.ERROR]
    assert (decision.outcome, wrong) == (Outcome.ALLOWED, [])


def test_no_attempt_is_told_twice() -> None:
    assert len({attempt.name for attempt in ATTEMPTS}) == len(ATTEMPTS)
    assert len(ATTEMPTS) >= 60
