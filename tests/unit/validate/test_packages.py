"""What an environment has installed, and what is told of what it has not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dagwarden.cli.main import run
from dagwarden.errors import InvalidInput
from dagwarden.policy.environment import load_environment
from dagwarden.validate.packages import OWN, name_package

HEAD = "apiVersion: dagwarden/v1\nkind: Environment\nname: prod\npython: '3.11'\n"
FULL = HEAD + "airflow: '3.3.2'\npackages: ['apache-airflow-providers-google[gdrive]>=10,<30', pandas]\n"

PRINT_FOREIGN = """
import ast, sys
from pathlib import Path
import dagwarden.validate.parent
names = set()
for name, module in list(sys.modules.items()):
    if name.startswith("dagwarden"):
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if isinstance(node, ast.Import):
                names |= {each.name.partition(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module.partition(".")[0])
print(*sorted(names - set(sys.stdlib_module_names) - {"dagwarden", "airflow"}))
"""
"""The packages that the modules import which a warm parent is made of."""


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("airflow.providers.google.cloud.operators.bigquery", "apache-airflow-providers-google"),
        ("airflow.providers.apache.beam", "apache-airflow-providers-apache-beam"),
        ("google.cloud.storage", "google-cloud-storage"),
        ("azure.storage.blob", "azure-storage-blob"),
        ("sklearn.linear_model", "scikit-learn"),
        ("pandas", "pandas"),
    ],
)
def test_a_package_is_named_by_what_was_imported(module: str, package: str) -> None:
    assert name_package(module) == package


def test_requirements_are_held_to_the_constraints_of_the_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "environment.yaml").write_text(FULL)
    assert run(["env", "image", str(tmp_path / "environment.yaml"), "-o", str(tmp_path / "requirements.txt")]) == 0
    lines = (tmp_path / "requirements.txt").read_text().splitlines()
    assert lines[1].endswith("/constraints-3.3.2/constraints-3.11.txt")
    assert lines[2:5] == ["apache-airflow==3.3.2", "apache-airflow-providers-google[gdrive]>=10,<30", "pandas"]
    assert set(OWN) <= set(lines)
    assert run(["env", "image", str(tmp_path / "environment.yaml")]) == 0
    assert capsys.readouterr().out.splitlines() == lines


def test_constraints_are_of_one_release(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "environment.yaml").write_text(HEAD + "airflow: '3.3'\n")
    assert run(["env", "image", str(tmp_path / "environment.yaml")]) == 2
    assert 'airflow: "3.3.1"' in capsys.readouterr().err
    assert run(["env", "image", str(tmp_path / "none.yaml")]) == 2


@pytest.mark.parametrize("said", ["--pre", "https://a/b.whl", "a @ https://x", "-e .", "a; b", "a\n  --pre"])
def test_what_is_no_plain_package_is_refused(said: str) -> None:
    with pytest.raises(InvalidInput, match="packages"):
        load_environment(f"{HEAD}packages: [{said!r}]\n".encode())


def test_the_release_is_read_and_the_minor_version_stays() -> None:
    environment = load_environment(FULL.encode())
    assert (environment.airflow, environment.release()) == ((3, 3), "3.3.2")


def test_the_importing_process_needs_what_is_written_and_no_more() -> None:
    done = subprocess.run([sys.executable, "-c", PRINT_FOREIGN], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == set(OWN)
