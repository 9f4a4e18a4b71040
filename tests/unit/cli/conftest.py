"""The command line, run in this process against the local cloud."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagwarden.cli.main import run
from dagwarden.settings import Settings


class Done(msgspec.Struct, frozen=True):
    """What a run of the command line left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, read as JSON."""
        return json.loads(self.out)


Dagwarden = Callable[..., Done]


@pytest.fixture
def dagwarden(
    settings: Settings,
    credentials: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Dagwarden:
    """Runs the command line with the settings of the test's project, for environment `prod`."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "gate-key.json"))
    for name, value in {**settings.to_environ(), "DAGWARDEN_ENVIRONMENT": "prod"}.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> Done:
        capsys.readouterr()
        code = run(arguments)
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return call
