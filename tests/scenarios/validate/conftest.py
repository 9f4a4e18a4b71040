"""One warm parent for all tests here: it takes seconds to start. Which Airflow it imports, the environment says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from dagwarden.validate.engine import Validator
from dagwarden.validate.report import ValidateSettings

FIND_AIRFLOW = "import airflow; print('RESULT', airflow.__version__, airflow.__path__[0])"


class Installed(msgspec.Struct, frozen=True):
    """A Python that has Airflow."""

    python: str
    version: tuple[int, int]
    package: Path
    """The folder of its package `airflow`."""

    def run(self, home: Path, code: str, *arguments: str) -> str:
        """What a program says after `RESULT`; it reads and writes no other Airflow home than this one."""
        environ = {**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        return run_python(self.python, code, *arguments, environ=environ)


def run_python(python: str, code: str, *arguments: str, environ: dict[str, str]) -> str:
    command = [python, "-W", "ignore", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    return done.stdout.rpartition("RESULT")[2].strip()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The Airflow beside this Python, or beside that which VALIDATE_PYTHON names (`make test-airflow2`)."""
    python = os.environ.get("VALIDATE_PYTHON", sys.executable)
    environ = {**os.environ, "AIRFLOW_HOME": str(tmp_path_factory.mktemp("home"))}
    version, package = run_python(python, FIND_AIRFLOW, environ=environ).split()
    major, minor, *_ = version.split(".")
    return Installed(python, (int(major), int(minor)), Path(package))


@pytest.fixture(scope="session")
def settings_here(installed: Installed) -> ValidateSettings:
    """To validate for the Airflow that is installed."""
    return ValidateSettings(airflow=installed.version)


@pytest.fixture(scope="session")
def validator(installed: Installed) -> Iterator[Validator]:
    """Ready to import files of any tree."""
    with Validator(installed.python) as started:
        yield started
