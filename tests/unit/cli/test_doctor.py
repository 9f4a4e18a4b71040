"""`dagwarden doctor`: what this host offers, and whether services answer."""

from __future__ import annotations

import pytest
from tests.unit.cli.conftest import Dagwarden


def test_all_is_well_where_layers_and_services_hold(dagwarden: Dagwarden) -> None:
    done = dagwarden("doctor", "--json")
    assert done.code == 0, done.out
    assert done.json["missing"] == []
    assert {layer["name"] for layer in done.json["layers"]} >= {"landlock", "system-calls"}
    states = {service["name"]: service["state"] for service in done.json["services"]}
    assert states == dict.fromkeys(("airflow", "inbox bucket", "ledger bucket", "store bucket"), "holds")


def test_a_bucket_that_is_not_there_is_shown_as_failing(dagwarden: Dagwarden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGWARDEN_STORE_BUCKET", "nobodys-bucket")
    done = dagwarden("doctor")
    assert done.code == 1
    [line] = [line for line in done.out.splitlines() if line.startswith("store bucket")]
    assert "failing" in line
    assert "nobodys-bucket" in line


def test_settings_that_mean_nothing_end_with_2(dagwarden: Dagwarden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGWARDEN_STOER_BUCKET", "store")
    assert dagwarden("doctor").code == 2
