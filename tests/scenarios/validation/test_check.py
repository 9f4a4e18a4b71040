"""`dagwarden check` says before a push what the gate says of it: the same findings in the same words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from dagwarden.cli.check import Asked, ask
from dagwarden.cli.main import run
from dagwarden.cli.options import Connection
from dagwarden.handlers.check import decide
from dagwarden.names import policy_object
from dagwarden.policy.verdict import Verdict, say_outcome
from dagwarden.validate.engine import Validator
from dagwarden.wire import decode
from tests.scenarios.gate.desk import PROD, Desk
from tests.scenarios.gate.test_offer_lint import RULE
from tests.scenarios.validation.conftest import IMPORTING, Lent
from tests.scenarios.validation.test_allowed import ALLOW, STARTS
from tests.scenarios.validation.test_validation import TEAMS, A, B, dag

SOURCE = "folder:team"
LIMITED = "enforcement: {rules: {tags-missing: enforce, retries-missing: 'off'}}\n"
USER = '    BashOperator(task_id="u", bash_command="x", run_as_user="r")\n'
Files = dict[str, str]


@pytest.fixture
def folder(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder; the command line runs as somebody who may push it to `prod`."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "gate-key.json"))
    for name, value in desk.cloud.settings.to_environ().items():
        monkeypatch.setenv(name, value)
    (tmp_path / "team").mkdir()
    return tmp_path / "team"


def fill(folder: Path, files: Files) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


Check = Callable[..., Verdict]


@pytest.fixture
def check(desk: Desk, folder: Path, validator: Validator) -> Check:
    """What the verb does with --against prod, by the warm parent of all tests here."""

    def call(principal: str = "") -> Verdict:
        asked = Asked(path=folder, principal=principal, connection=Connection(desk.cloud, PROD))
        return decide(ask(asked)[0], make_validator=lambda: Lent(validator), now=dt.datetime.now(dt.UTC))

    return call


def summarise(verdict: Verdict | None) -> dict[str, object]:
    """All that a pusher is told, and the figures."""
    assert verdict is not None
    same = ("outcome", "findings", "files_changed", "switched_off", "policy_digest", "head", "source", "environment")
    return {"said": say_outcome(verdict)} | {field: getattr(verdict, field) for field in same}


CASES: dict[str, tuple[str, Files, Files]] = {
    "sound": ("", {}, {A: dag("a"), "dags/data.json": "{}"}),
    "broken": ("", {}, {A: dag("a", "raise ValueError('no')")}),
    "no Python": ("", {}, {A: "from airflow.sdk import DAG\nDAG(\n", B: dag("b")}),
    "allowed in the code": ("", {}, {A: dag("a", STARTS + ALLOW)}),
    "rated by the policy": (LIMITED, {}, {A: dag("a").replace(', tags=["t"]', "").replace(", retries=1", "")}),
    "of nobody's team": (
        TEAMS,
        {},
        {A: dag("a") + USER},
    ),
    "clashes with what is live": ("", {B: dag("same")}, {A: dag("same")}),
    "breaks what is live": (
        "",
        {A: dag("a", "from helper import x"), "dags/helper.py": "x = 1\n"},
        {A: dag("a", "from helper import x"), "dags/helper.py": "y = 1\n"},
    ),
    "deletes": ("", {A: dag("a"), B: dag("b")}, {A: dag("a")}),
}


@pytest.mark.parametrize("case", CASES)
def test_check_and_gate_agree(desk: Desk, folder: Path, check: Check, case: str) -> None:
    policy, live, files = CASES[case]
    desk.write_policy(IMPORTING.format(project=desk.cloud.settings.project) + policy)
    owner = "others" if case.startswith("clashes") else SOURCE
    if live:
        desk.allow(desk.push(live, source=owner, head="one"))
    fill(folder, files)
    said = check()
    deletes = tuple(live.keys() - files.keys()) if owner == SOURCE else ()
    base = "one" if live and owner == SOURCE else ""
    changed = {path: text for path, text in files.items() if live.get(path) != text}
    event = desk.push(changed, deletes=deletes, source=SOURCE, ref="", base=base, dry_run=True)
    assert summarise(said) == summarise(desk.deliver(event))


def test_who_may_not_push_is_told_so(desk: Desk, folder: Path, check: Check) -> None:
    fill(folder, {A: dag("a", "raise ValueError")})
    verdict = check("stranger@elsewhere.com")
    assert {finding.rule for finding in verdict.findings} == {"pusher-unknown"}
    [finding] = verdict.findings
    assert finding.clause.startswith("policy.yaml:")


def test_an_environment_without_a_policy_allows_nothing(desk: Desk, folder: Path, check: Check) -> None:
    desk.remove_policy()
    fill(folder, {A: dag("a")})
    verdict = check()
    assert [finding.rule for finding in verdict.findings] == ["policy-missing"]


def test_rules_of_the_environments_own_are_fetched(desk: Desk, folder: Path, check: Check) -> None:
    desk.write_policy(IMPORTING.format(project=desk.cloud.settings.project) + "lint: {rules: rules}\n")
    name = policy_object(PROD).replace("policy.yaml", "rules/no-swap.yml")
    desk.cloud.store.write(name, RULE.encode(), generation=None, content_type="application/yaml")
    fill(folder, {A: dag("a", "from x import swap\nswap(1, 2)")})
    said = check()
    assert "ACME1" in {finding.code for finding in said.findings}
    event = desk.push({A: dag("a", "from x import swap\nswap(1, 2)")}, source=SOURCE, ref="", dry_run=True)
    assert summarise(said) == summarise(desk.deliver(event))


def test_check_changes_nothing(desk: Desk, folder: Path, check: Check) -> None:
    fill(folder, {A: dag("a")})
    buckets = (desk.cloud.store, desk.cloud.inbox, desk.cloud.ledger)
    before = [[info.name for info in bucket.list("")] for bucket in buckets]
    check()
    assert [[info.name for info in bucket.list("")] for bucket in buckets] == before


def test_the_verb_says_it_in_the_words_of_the_gate(
    desk: Desk, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(folder, {A: dag("a", "raise ValueError('no')")})
    capsys.readouterr()
    assert run(["check", str(folder), "--against", PROD, "--json"]) == 1
    said = decode(Verdict, capsys.readouterr().out.encode(), subject="check")
    event = desk.push({A: dag("a", "raise ValueError('no')")}, source=SOURCE, ref="", dry_run=True)
    assert summarise(said) == summarise(desk.deliver(event))
