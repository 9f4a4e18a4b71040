"""What Airflow 2 has otherwise than 3: run by `make test-airflow2`, beside test_against_dagbag.py."""

from __future__ import annotations

from pathlib import Path

from dagwarden.lint.finding import Finding, Severity
from dagwarden.names import ReleasePath
from dagwarden.validate.engine import Validator
from dagwarden.validate.report import ValidateSettings

SETTINGS = ValidateSettings(airflow=(2, 11))


def validate(validator: Validator, folder: Path, text: str) -> list[Finding]:
    file = folder / "dags" / "one.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    (found,) = validator.validate_files(folder, [ReleasePath("dags/one.py")], SETTINGS)
    return [finding for finding in found.findings if finding.severity is not Severity.INFO]


ASKED = """
from airflow.hooks.base import BaseHook
from airflow.models import Variable
Variable.get("colour", default_var="red")
try:
    BaseHook.get_connection("warehouse")
except Exception:
    pass
"""


def test_variables_and_connections_read_at_import_are_told_by_line(validator: Validator, tmp_path: Path) -> None:
    told = {(finding.rule, finding.line) for finding in validate(validator, tmp_path, ASKED)}
    assert ("variable-read-at-import", 4) in told
    assert ("connection-read-at-import", 6) in told


PATCHED = """
from airflow import DAG
from airflow.models.baseoperator import BaseOperator
BaseOperator.execute = lambda self, context: None
dag = DAG("one")
"""
CYCLE = """
from airflow import DAG
from airflow.operators.empty import EmptyOperator
with DAG("one", start_date=None) as dag:
    a, b = EmptyOperator(task_id="a"), EmptyOperator(task_id="b")
    a >> b >> a
"""


def test_an_operator_that_was_patched_is_told(validator: Validator, tmp_path: Path) -> None:
    messages = [finding.message for finding in validate(validator, tmp_path, PATCHED)]
    assert [message for message in messages if "BaseOperator.execute" in message]


def test_a_cycle_is_an_error(validator: Validator, tmp_path: Path) -> None:
    wrong = [each for each in validate(validator, tmp_path, CYCLE) if each.severity is Severity.ERROR]
    assert "dag-cycle" in {each.rule for each in wrong}
