"""Airflow in this process, once, and DAG files read through it."""

from __future__ import annotations

import itertools
import os
import sys
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.validate.importing import HEAD, ReadDagFile, import_file

from dagwarden.validate.extract.fields import Limits
from dagwarden.validate.extract.file import extract_file
from dagwarden.validate.extract.originals import Originals, capture_originals
from dagwarden.validate.model import FileModel


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    """Airflow's own classes; its home is a scratch folder where nobody has set another."""
    os.environ.setdefault("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import airflow.sdk  # noqa: F401

        return capture_originals()


@pytest.fixture
def read_dag_file(originals: Originals, tmp_path: Path) -> Iterator[ReadDagFile]:
    """What a DAG file of this text defines; the usual imports are put before it."""
    from airflow.sdk.definitions._internal.contextmanager import DagContext

    numbers = itertools.count()

    def read(text: str) -> FileModel:
        name = f"dag_under_test_{next(numbers)}"
        file = tmp_path / f"{name}.py"
        file.write_text(HEAD + textwrap.dedent(text))
        try:
            return extract_file(originals, [import_file(file, name)], f"dags/{file.name}", Limits())
        finally:
            sys.modules.pop(name, None)

    yield read
    DagContext.autoregistered_dags.clear()
    DagContext.current_autoregister_module_name = None
