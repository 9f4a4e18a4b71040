"""`dagwarden drift`, from the command line's function to its exit code."""

from __future__ import annotations

import json

import httpx
import pytest
import typer

from dagwarden.cli.mirror import drift, name_writers, to_json
from localcloud.testing import RunningCloud
from tests.scenarios.mirror.house import House

A = "dags/a.py"


def test_what_is_found_is_told_whole(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.release({A: b"one", "dags/b.py": b"b"})
    house.mirror(1)
    generation = house.upload(A, b"hot fix")
    told = to_json(house.survey(), is_healed=False, writers={A: "eve@acme.example"})
    assert (told["release"], told["compared"], told["healed"]) == (1, 2, False)
    (row,) = told["drift"]
    assert (row["path"], row["drift"], row["generation"], row["remedy"]) == (A, "changed", generation, "put back")
    assert row["by"] == "eve@acme.example"
    assert json.dumps(told)


def test_who_wrote_what_drifted_is_told_where_the_project_logs_it(house: House, running: RunningCloud) -> None:
    house.release({A: b"one", "dags/b.py": b"b"})
    house.mirror(1)
    house.upload("dags/b.py", b"unlogged")
    config = {"service": "allServices", "auditLogConfigs": [{"logType": "DATA_WRITE"}]}
    url = f"{running.url}/v1/projects/{house.project}:setIamPolicy"
    httpx.post(url, json={"policy": {"auditConfigs": [config]}}, timeout=10).raise_for_status()
    house.upload(A, b"hot fix")
    assert name_writers(house.cloud, house.survey().survey.drifted) == {A: "anonymous"}


def test_without_settings_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()
    app.command()(drift)
    from dagwarden.errors import InvalidInput

    with pytest.raises(InvalidInput, match="DAGWARDEN_PROJECT"):
        typer.main.get_command(app).main([], standalone_mode=False)
