"""Pushes are imported on top of the head they would be released on, and only those that may be."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import requests
from google.auth.credentials import Credentials

from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.functions import FunctionCaller
from dagwarden.errors import AccessDenied, Contended, InvalidInput, Transient
from dagwarden.handlers.validate import ValidateService
from dagwarden.names import ReleaseNumber
from dagwarden.policy.verdict import Verdict
from dagwarden.push.archive import DEFAULT_LIMITS
from dagwarden.settings import Settings
from dagwarden.validate.report import ValidateSettings
from dagwarden.validate.request import ValidateRequest, audience_of
from tests.scenarios.gate.desk import PROD, Desk
from tests.scenarios.validation.conftest import IMPORTING

DAG = """\
from airflow.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator
{more}
with DAG("{name}", schedule="@daily", tags=["t"]):
    BashOperator(task_id="t", bash_command="true", retries=1)
"""
A, B, HELPER = "dags/a.py", "dags/b.py", "plugins/shared_code.py"


def dag(name: str, more: str = "") -> str:
    return DAG.format(name=name, more=more)


def rules_of(verdict: Verdict | None) -> set[str]:
    assert verdict is not None
    return {finding.rule for finding in verdict.findings}


def test_what_only_an_import_shows_denies(desk: Desk) -> None:
    assert "import-error" in desk.deny(desk.push({A: dag("a", "raise ValueError('no')")}))
    desk.allow(desk.push({A: dag("a")}))
    desk.check()


def test_a_change_of_a_helper_imports_the_dags_that_use_it(desk: Desk) -> None:
    uses = dag("a", "import shared_code\nassert shared_code.VALUE == 1")
    desk.allow(desk.push({A: uses, B: dag("b"), HELPER: "VALUE = 1\n"}, head="one"))
    verdict = desk.deliver(desk.push({HELPER: "VALUE = 2\n"}, base="one"))
    assert verdict is not None
    (finding,) = (each for each in verdict.findings if each.rule == "import-error")
    assert (finding.path, finding.line) == (A, 4)
    desk.allow(desk.push({HELPER: "VALUE = 1  # still\n"}, base="one", head="two"))


def test_dags_are_held_against_those_released_before(desk: Desk) -> None:
    desk.allow(desk.push({A: dag("same")}, head="one"))
    assert "duplicate-dag-id" in desk.deny(desk.push({B: dag("same")}, base="one"))
    desk.allow(desk.push({B: dag("other")}, base="one", head="two"))


def test_what_a_denied_push_did_is_nobody_elses_to_answer_for(desk: Desk) -> None:
    desk.allow(desk.push({A: dag("a", "import shared_code"), HELPER: "VALUE = 1\n"}, head="one"))
    desk.deny(desk.push({HELPER: "raise ValueError\n"}, base="one"))
    verdict = desk.deliver(desk.push({B: dag("b")}, base="one", head="two"))
    assert verdict is not None
    assert verdict.release == 2
    assert not {finding.path for finding in verdict.findings} - {B}


def test_what_is_denied_once_is_denied_each_time_it_is_pushed(desk: Desk) -> None:
    broken = {A: dag("a", "raise ValueError('no')")}
    for _ in range(3):
        assert "import-error" in desk.deny(desk.push(broken))
    desk.restart()
    assert "import-error" in desk.deny(desk.push(broken))


def test_a_denied_deletion_is_denied_each_time_it_is_pushed(desk: Desk) -> None:
    uses = dag("a", "import importlib\nimportlib.import_module('shared' + '_code')")
    desk.allow(desk.push({A: uses, HELPER: "VALUE = 1\n"}, head="one"))
    for _ in range(2):
        assert desk.deny(desk.push({A: uses + "# touched\n"}, deletes=(HELPER,), base="one")) == {"package-missing"}


def test_a_deletion_alone_is_denied_each_time_it_breaks_what_the_text_does_not_tell(desk: Desk) -> None:
    uses = dag("a", "import importlib\nimportlib.import_module('shared' + '_code')")
    desk.allow(desk.push({A: uses, HELPER: "VALUE = 1\n"}, head="one"))
    for _ in range(2):
        assert desk.deny(desk.push(deletes=(HELPER,), base="one")) == {"package-missing"}
    desk.allow(desk.push({B: dag("b")}, base="one", head="two"))


def test_a_validator_that_knows_nothing_yet_sees_what_a_deletion_breaks(desk: Desk) -> None:
    desk.write_policy(IMPORTING.replace("required", "skipped").format(project=desk.cloud.settings.project))
    uses = dag("a", "import importlib\nimportlib.import_module('shared' + '_code')")
    desk.allow(desk.push({A: uses, HELPER: "VALUE = 1\n"}, head="one"))
    desk.write_policy(IMPORTING.format(project=desk.cloud.settings.project))
    assert desk.deny(desk.push(deletes=(HELPER,), base="one")) == {"package-missing"}


def test_what_would_be_denied_is_not_let_in_by_a_dry_run_of_it(desk: Desk) -> None:
    broken = {A: dag("a", "raise ValueError('no')")}
    assert "import-error" in desk.deny(desk.push(broken, dry_run=True))
    assert "import-error" in desk.deny(desk.push(broken))


def test_what_was_wrong_before_a_validator_started_is_nobody_elses_to_answer_for(desk: Desk) -> None:
    desk.write_policy(IMPORTING.replace("required", "skipped").format(project=desk.cloud.settings.project))
    desk.allow(desk.push({A: dag("a", "raise ValueError"), HELPER: "VALUE = 1\n"}, head="one"))
    desk.write_policy(IMPORTING.format(project=desk.cloud.settings.project))
    verdict = desk.deliver(desk.push({B: dag("b")}, base="one", head="two"))
    assert verdict is not None
    assert verdict.release == 2
    assert not {finding.path for finding in verdict.findings} - {B}


def test_a_deleted_module_is_missed_by_those_that_import_it(desk: Desk) -> None:
    uses = dag("a", "import importlib\nimportlib.import_module('shared' + '_code')")
    desk.allow(desk.push({A: uses, HELPER: "VALUE = 1\n"}, head="one"))
    assert desk.deny(desk.push({A: uses + "# touched\n"}, deletes=(HELPER,), base="one")) == {"package-missing"}


def test_code_of_those_who_may_not_push_is_not_run(desk: Desk, replicas: Path) -> None:
    assert desk.deny(desk.push({A: dag("a", "raise ValueError")}, is_signed=False)) == {"unattested-push"}
    assert not (replicas / PROD).exists()
    desk.allow(desk.push({A: dag("a")}))
    assert (replicas / PROD).exists()


def test_a_syntax_error_is_told_once(desk: Desk) -> None:
    verdict = desk.deliver(desk.push({A: "from airflow.sdk import DAG\nDAG(\n"}))
    assert rules_of(verdict) & {"syntax-error", "import-error"} == {"syntax-error"}


def test_a_rollback_imports_nothing(desk: Desk, service: ValidateService) -> None:
    desk.allow(desk.push({A: dag("a")}, head="one"))
    desk.allow(desk.push({A: dag("a2")}, base="one", head="two"))
    verdict = desk.deliver(desk.push(rollback_to=1))
    assert verdict is not None
    assert verdict.release == 3
    assert "validate" not in verdict.stages_ms
    desk.allow(desk.push({A: dag("a3")}, base="one", head="four"))


def test_without_a_validator_nothing_passes_unless_policy_says_so(cloud: Cloud) -> None:
    desk = Desk(cloud, policy=IMPORTING)
    assert desk.deny(desk.push({A: dag("a")})) == {"validator-missing"}
    desk.write_policy(IMPORTING.replace("required", "skipped").format(project=cloud.settings.project))
    desk.allow(desk.push({A: dag("a")}))


def test_a_validator_that_does_not_answer_loses_no_push(settings: Settings, credentials: Credentials) -> None:
    nowhere = msgspec.structs.replace(settings, validate_url="http://127.0.0.1:1")
    desk = Desk(Cloud(nowhere, credentials), policy=IMPORTING)
    event = desk.push({A: dag("a")})
    with pytest.raises(Transient):
        desk.gate.handle(event)
    assert not desk.verdicts()


def test_many_pushes_follow_each_other_on_one_replica(desk: Desk, service: ValidateService) -> None:
    base = ""
    for number in range(1, 6):
        event = desk.push({A: dag(f"a{number}"), f"dags/n{number}.py": dag(f"n{number}")}, base=base, head=str(number))
        assert desk.allow(event) == number
        base = str(number)
    desk.restart()
    assert "duplicate-dag-id" in desk.deny(desk.push({B: dag("n3")}, base=base))
    desk.check()


def request_of(desk: Desk, base: int) -> ValidateRequest:
    return ValidateRequest(
        environment=PROD,
        base=ReleaseNumber(base),
        event=desk.push({A: dag("a")}),
        limits=DEFAULT_LIMITS,
        settings=ValidateSettings(),
    )


def test_a_base_that_is_no_longer_the_head_is_refused(desk: Desk, service: ValidateService) -> None:
    desk.allow(desk.push({A: dag("a")}, head="one"))
    desk.allow(desk.push({A: dag("a2")}, base="one", head="two"))
    desk.deny(desk.push({B: "raise ValueError('airflow dag')\n"}, base="two"))
    with pytest.raises(Contended):
        service.handle(request_of(desk, 1))


def test_an_event_of_something_else_is_refused(desk: Desk, service: ValidateService) -> None:
    asked = request_of(desk, 0)
    for name in ("nothing", "other/pushes/" + "0" * 64 + ".tar.gz", f"{PROD}/pushes/../../x"):
        event = msgspec.structs.replace(asked.event, name=name)
        with pytest.raises(InvalidInput):
            service.handle(msgspec.structs.replace(asked, event=event))


BODIES = [b"", b"{", b"[]", b"{}", b'{"environment": "prod"}', b"\xff" * 100, b"[" * 100_000]


def test_bodies_that_mean_nothing_are_answered_so(desk: Desk, url: str) -> None:
    caller = FunctionCaller(url, audience_of(desk.cloud.settings.project), desk.cloud.signer, timeout_s=10.0)
    for body in BODIES:
        with pytest.raises(InvalidInput):
            caller.post(body)


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer x", "Bearer a.b.c", "Basic dTpw", "Bearer " + "A" * 9000]
)
def test_a_call_without_the_gates_signature_is_refused(authorization: str, url: str) -> None:
    answer = requests.post(url, data=b"{}", headers={"authorization": authorization}, timeout=10)
    assert answer.status_code == 403


def test_a_signature_for_another_audience_is_refused(desk: Desk, url: str) -> None:
    with pytest.raises(AccessDenied):
        FunctionCaller(url, "dagwarden-validate:other", desk.cloud.signer, timeout_s=10.0).post(b"{}")


TEAMS = """\
teams:
  - name: sales
    paths: ["**"]
    may_use:
      impersonation: ["etl-sales@acme.iam.gserviceaccount.com"]
"""
LOADERS = """\
from airflow.sdk import BaseOperator
class Load(BaseOperator):
    impersonation_chain = "{who}"
"""
SALES, FINANCE = "etl-sales@acme.iam.gserviceaccount.com", "etl-finance@acme.iam.gserviceaccount.com"


def test_a_plugin_that_makes_standing_tasks_run_as_somebody_else_is_denied(desk: Desk) -> None:
    desk.write_policy(IMPORTING.format(project=desk.cloud.settings.project) + TEAMS)
    uses = dag("a", "from loaders import Load") + '    Load(task_id="load")\n'
    desk.allow(desk.push({A: uses, "plugins/loaders.py": LOADERS.format(who=SALES)}, head="one"))
    verdict = desk.deliver(desk.push({"plugins/loaders.py": LOADERS.format(who=FINANCE)}, base="one"))
    assert verdict is not None
    told = [(finding.path, finding.line) for finding in verdict.findings if finding.rule == "impersonation-not-allowed"]
    assert told == [(A, 6)]


def test_a_rollback_is_held_against_the_teams_of_now_where_the_policy_wants_that(desk: Desk) -> None:
    before = IMPORTING.format(project=desk.cloud.settings.project)
    again = before.replace("imports: required\n", "imports: required\n  rollbacks: imported\n") + TEAMS
    uses = dag("a", "from loaders import Load") + '    Load(task_id="load")\n'
    desk.allow(desk.push({A: uses, "plugins/loaders.py": LOADERS.format(who=FINANCE)}, head="one"))
    desk.allow(desk.push({A: dag("a")}, base="one", head="two"))
    desk.allow(desk.push({"plugins/loaders.py": LOADERS.format(who=SALES)}, base="two", head="three"))
    desk.write_policy(again)
    verdict = desk.deliver(desk.push(rollback_to=1))
    assert verdict is not None
    assert verdict.release is None
    told = {(finding.rule, finding.path) for finding in verdict.findings if finding.clause}
    assert told >= {("impersonation-not-allowed", A), ("service-account-not-allowed", "plugins/loaders.py")}
    assert desk.allow(desk.push({A: dag("a2")}, base="three", head="four")) == 4
    assert desk.allow(desk.push(rollback_to=3)) == 5, "what the teams may use is brought back"
    desk.write_policy(before + TEAMS)
    assert desk.allow(desk.push(rollback_to=1)) == 6, "it was judged when it was pushed"
    desk.check()
