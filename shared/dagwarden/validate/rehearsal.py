"""A DAG file of ours, imported and read once before the first child is made.

What Airflow, Python and the validator do only the first time is then done: in each child it would cost time, and memory
that it could have shared.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from dagwarden.names import ReleasePath
from dagwarden.validate.defined import define, read_model
from dagwarden.validate.extract.originals import Originals

PATH = ReleasePath("dags/rehearsal.py")

TEXT = """
from __future__ import annotations

import datetime
import pendulum

try:
    from airflow.sdk import DAG, Asset, BaseOperator, Label, Param, TaskGroup, chain, dag, task, task_group
except ImportError:
    from airflow import DAG
    from airflow.datasets import Dataset as Asset
    from airflow.decorators import dag, task, task_group
    from airflow.models.baseoperator import BaseOperator, chain
    from airflow.models.param import Param
    from airflow.utils.edgemodifier import Label
    from airflow.utils.task_group import TaskGroup
try:
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.providers.standard.operators.python import BranchPythonOperator, PythonOperator
except ImportError:
    from airflow.operators.bash import BashOperator
    from airflow.operators.empty import EmptyOperator
    from airflow.operators.python import BranchPythonOperator, PythonOperator


class Own(BaseOperator):
    template_fields = ("word",)

    def __init__(self, word, **kwargs):
        super().__init__(**kwargs)
        self.word = word


with DAG(
    "rehearsal",
    description="rehearsal",
    schedule="0 0 * * *",
    start_date=pendulum.datetime(2021, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"owner": "rehearsal", "retries": 1, "retry_delay": datetime.timedelta(minutes=5)},
    params={"x": Param(5, type="integer", minimum=3)},
    tags=["rehearsal"],
    doc_md="rehearsal",
) as first:
    begin = EmptyOperator(task_id="begin")
    bash = BashOperator(task_id="bash", bash_command="echo {{ ds }}", env={"A": "b"}, outlets=[Asset("s3://a/b")])
    branch = BranchPythonOperator(task_id="branch", python_callable=lambda: "end", trigger_rule="all_done")
    with TaskGroup("group", tooltip="rehearsal") as group:
        python = PythonOperator(task_id="python", python_callable=print, op_kwargs={"a": [1, 2.0, None, True]})
        own = Own(task_id="own", word="{{ params.x }}")
        python >> own
    mapped = BashOperator.partial(task_id="mapped").expand(bash_command=["a", "b"])
    begin >> Label("way") >> EmptyOperator(task_id="other") >> mapped
    chain(begin, branch, [bash, group], mapped, EmptyOperator(task_id="end"))


@dag(schedule=None, start_date=datetime.datetime(2021, 1, 1), catchup=False, tags=["rehearsal"])
def second():
    @task
    def extract() -> list[int]:
        return [1, 2]

    @task(multiple_outputs=True)
    def transform(order: int, *, scale: int = 1) -> dict[str, int]:
        return {"order": order}

    @task
    def say(words: str, share: float = 0.5) -> dict:
        print(words)

    @task.branch
    def choose():
        return None

    @task.short_circuit
    def go_on() -> bool:
        return True

    @task.bash
    def run() -> str:
        return "true"

    @task_group
    def both(order):
        return transform(order)

    both(1) >> choose() >> run()
    both(1).set_upstream(go_on())
    say(extract()) >> EmptyOperator(task_id="end")
    transform.partial(scale=2).expand(order=extract())


second()
third = DAG("third", schedule=[Asset("s3://a/b")], start_date=datetime.datetime(2021, 1, 1))
fourth = DAG("fourth", schedule=datetime.timedelta(days=1), start_date=datetime.datetime(2021, 1, 1))
fifth = DAG("fifth", schedule="@daily", start_date=datetime.datetime(2021, 1, 1))
"""


def rehearse(home: Path, originals: Originals) -> tuple[str, ...]:
    """Nothing is left of it but what was made for the first time; what went wrong, for who tests this."""
    file = home / PATH
    file.parent.mkdir(exist_ok=True)
    file.write_text(TEXT, "utf-8")
    found = define(home, PATH, originals)
    read_model(found, home, PATH, originals)
    context: Any = originals.dag_context
    context.autoregistered_dags.clear()
    originals.forget()
    for module in found.modules:
        sys.modules.pop(module.__name__, None)
    with suppress(OSError):
        file.unlink()
    return tuple(f"{each.type}: {each.message}" for each in found.failures)
