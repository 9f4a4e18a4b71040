"""Conditions find the time zones of the tzdata package where the host has none."""

from __future__ import annotations

from pathlib import Path

from dagwarden.cloud.zones import name_zones


def test_zones_of_the_package_are_named_where_the_host_has_none(tmp_path: Path) -> None:
    [(name, folder)] = name_zones({}, tmp_path / "none").items()
    assert name == "TZDIR"
    assert (Path(folder) / "Europe" / "Berlin").read_bytes().startswith(b"TZif")


def test_zones_of_the_host_and_those_named_already_stay(tmp_path: Path) -> None:
    assert name_zones({}, tmp_path) == {}
    assert name_zones({"TZDIR": "/zones"}, tmp_path / "none") == {}
