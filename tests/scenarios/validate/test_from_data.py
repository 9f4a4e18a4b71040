"""What a DAG takes from a data file of the tree is judged as if it were written in the DAG."""

from __future__ import annotations

from pathlib import Path

from dagwarden.names import ReleasePath
from dagwarden.validate.engine import Validator
from dagwarden.validate.report import ValidateSettings

PASSWORD = "correct-horse-7"
DATA = f"load: {{env: {{DB_PASSWORD: {PASSWORD}}}}}\n"
SOURCE = """
from pathlib import Path
import yaml
from airflow.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator

with DAG("from_data", schedule=None):
    for name, given in yaml.safe_load(Path(__file__).with_name("tasks.yaml").read_text()).items():
        BashOperator(task_id=name, bash_command="true", env=given["env"])
"""


def test_a_secret_of_a_data_file_is_told_masked(validator: Validator, tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "a.py").write_text(SOURCE)
    (dags / "tasks.yaml").write_text(DATA)
    [report] = validator.validate_files(tmp_path, [ReleasePath("dags/a.py")], ValidateSettings())
    [finding] = [finding for finding in report.findings if finding.rule == "hard-coded-secret"]
    assert "`env.DB_PASSWORD` of `load`" in finding.message
    assert PASSWORD not in str(report)
