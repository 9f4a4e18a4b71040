"""A warm parent, as the engine holds it: started, spoken to, ended."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from dagwarden.errors import Unavailable
from dagwarden.validate.link import Link
from dagwarden.validate.report import Job, Outcome, Ready, Walls
from dagwarden.validate.sandbox.probe import LayerReport

LIBRARY = Path(__file__).parents[2]
"""The folder that holds `dagwarden`."""
START_TIMEOUT_S = 120.0
SPARE_S = 60.0

BOOT = """
import sys
sys.path.append(sys.argv[1])
from dagwarden.validate.parent import main
main(int(sys.argv[2]), sys.argv[3])
"""

ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}
"""All that a warm parent and its children find in their environment, with AIRFLOW_HOME and HOME, folders of their own:
no credential, no address, no setting of whoever asked. Libraries start no thread: a parent with two is renewed."""


class WarmParent:
    """A process that has imported Airflow, or is about to: it is waited for when it is first asked something."""

    def __init__(self, python: str = sys.executable) -> None:
        ours, theirs = socket.socketpair()
        self._home = Path(tempfile.mkdtemp(prefix="dagwarden-validate-"))
        (self._home / "scratch").mkdir()
        home = str(self._home)
        with theirs:
            self._process = subprocess.Popen(
                [python, "-I", "-c", BOOT, str(LIBRARY), str(theirs.fileno()), home],
                pass_fds=(theirs.fileno(),),
                env={**ENVIRONMENT, "AIRFLOW_HOME": home, "HOME": home},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._link = Link(ours)
        self._walls: tuple[LayerReport, ...] | None = None
        self.state: Ready | None = None

    def walls(self) -> tuple[LayerReport, ...]:
        """The layers of the sandbox, and which of them this host offers.

        Raises:
            Unavailable: the process is gone.
        """
        if self._walls is None:
            answer = self._link.receive_answer(START_TIMEOUT_S)
            if not isinstance(answer, Walls):
                raise Unavailable("the warm parent speaks out of turn", operation="validate")
            self._walls = answer.layers
        return self._walls

    def wait_until_ready(self) -> Ready:
        """It has imported Airflow.

        Raises:
            Unavailable: the process is gone, or Airflow cannot be imported in it.
        """
        self.walls()
        if self.state is None:
            answer = self._link.receive_answer(START_TIMEOUT_S)
            if not isinstance(answer, Ready):
                raise Unavailable("the warm parent speaks out of turn", operation="validate")
            self.state = answer
        return self.state

    def run(self, job: Job) -> Iterator[Outcome]:
        """The outcome of each file, in the order in which they end.

        Raises:
            Unavailable: the process is gone or silent; files not told of yet remain to be done.
        """
        self.wait_until_ready()
        self._link.send(job)
        silence_s = job.settings.import_timeout_s + SPARE_S
        while isinstance(answer := self._link.receive_answer(silence_s), Outcome):
            yield answer
        if isinstance(answer, Ready):
            self.state = answer

    def close(self) -> None:
        """The process has ended, its children with it, and its folder is gone."""
        self._link.close()
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._home, ignore_errors=True)
