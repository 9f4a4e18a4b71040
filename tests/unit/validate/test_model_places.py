"""Findings on the model have lines where the text holds the ids."""

from __future__ import annotations

import pytest

from dagwarden.validate.model import DagModel, FileModel, TaskModel
from dagwarden.validate.places import place


def lines(source: str, dag_id: str, task_id: str, group: str = "") -> tuple[int, int]:
    task = TaskModel(task_id=task_id, operator="x.Y", group=group)
    model = place(FileModel(path="dags/a.py", dags=(DagModel(dag_id=dag_id, tasks=(task,)),)), source)
    return model.dags[0].line, model.dags[0].tasks[0].line


@pytest.mark.parametrize(
    ("source", "dag_line", "task_line"),
    [
        ('with DAG("etl") as d:\n    Op(task_id="load")', 1, 2),
        ('d = models.DAG(\n  dag_id="etl")\nOp(\n  task_id="load", dag=d)', 1, 3),
        ("@dag(schedule=None)\ndef etl():\n    @task\n    def load(): ...", 2, 4),
        ("@dag\ndef etl():\n    @task.branch(retries=2)\n    def load(): ...", 2, 4),
        ('@dag(dag_id="etl")\ndef anything():\n    Op(task_id="load")', 1, 3),
        ('\n\nwith DAG(f"{x}") as d:\n    Op(task_id=name())', 3, 3),
        ('make("etl")', 0, 0),
        ('with DAG("etl"\n', 0, 0),
    ],
)
def test_dags_and_tasks_are_placed_where_their_ids_stand(source: str, dag_line: int, task_line: int) -> None:
    assert lines(source, "etl", "load") == (dag_line, task_line)


def test_the_prefix_of_a_group_and_the_number_of_a_repeated_call_are_no_part_of_the_id() -> None:
    source = 'with DAG("etl"):\n    Op(task_id="load")'
    assert lines(source, "etl", "stage.load", group="stage") == (1, 2)
    assert lines(source, "etl", "load__2") == (1, 2)


def test_among_several_dags_made_up_none_is_guessed() -> None:
    assert lines("DAG(a)\nDAG(b)", "etl", "load") == (0, 0)
