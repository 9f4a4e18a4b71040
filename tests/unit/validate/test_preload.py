"""What the warm parent imports on behalf of files it does not trust."""

from __future__ import annotations

import pytest

from dagwarden.validate.preload import find_imports, is_worth


def test_imports_of_installed_packages_are_found() -> None:
    source = b"import pandas as pd\nfrom airflow.providers.standard.operators.bash import BashOperator\nimport helper\n"
    assert find_imports([source]) == ("airflow.providers.standard.operators.bash", "pandas")


@pytest.mark.parametrize(
    "name", ["antigravity", "helper", "airflow.example_dags.tutorial", "airflow.cli.commands", "airflow.__main__", "os"]
)
def test_what_acts_when_imported_is_not(name: str) -> None:
    assert not is_worth(name)
