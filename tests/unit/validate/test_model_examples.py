"""Airflow's own example DAGs, read here and by its DagBag: the same DAGs, the same tasks."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.validate.importing import import_file

from dagwarden.validate.extract.file import extract_file
from dagwarden.validate.extract.originals import Originals
from dagwarden.validate.model import FileModel
from dagwarden.wire import decode, encode

LARGEST_BYTES = 100_000
"""Of the model of one example file; the largest takes a third of it."""


def example_files() -> list[Path]:
    import airflow

    root = Path(str(airflow.__file__)).parent
    return sorted(path for path in root.rglob("example_dags/*.py") if path.name != "__init__.py")


@pytest.fixture(scope="module")
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def count_as_dagbag(path: Path) -> dict[str, int] | None:
    """DAG ids and task counts; None where Airflow cannot import the file."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(path), collect_dags=False)
    bag.process_file(str(path), only_if_updated=False)
    return None if bag.import_errors else {dag_id: len(dag.task_dict) for dag_id, dag in bag.dags.items()}


def test_every_example_is_read_as_airflow_reads_it(originals: Originals, quiet: None) -> None:
    read: dict[str, tuple[FileModel, float]] = {}
    different = []
    for number, path in enumerate(example_files()):
        expected = count_as_dagbag(path)
        if expected is None:
            continue
        module = import_file(path, f"example_under_test_{number}")
        started = time.process_time()
        model = extract_file(originals, [module], f"dags/{path.name}")
        read[f"{path.parent.parent.name}/{path.name}"] = (model, time.process_time() - started)
        if {dag.dag_id: len(dag.tasks) for dag in model.dags} != expected:
            different.append(path.name)
    assert different == []
    assert len(read) >= 60
    for model, _ in read.values():
        assert decode(FileModel, encode(model)) == model
        assert len(encode(model)) < LARGEST_BYTES
        assert (model.impostors, model.patched, model.cuts) == ((), (), ())
        assert not [dag.dag_id for dag in model.dags if dag.unreadable]
        assert not [task.task_id for dag in model.dags for task in dag.tasks if task.unreadable]
    for name, (model, seconds) in sorted(read.items(), key=lambda item: -item[1][1]):
        tasks = sum(len(dag.tasks) for dag in model.dags)
        print(f"{name}: {len(model.dags)} DAGs, {tasks} tasks, {len(encode(model))} bytes, {seconds * 1e3:.1f} ms")
