"""Where the time zones of conditions are read from: their evaluator is no Python, and knows no Python package."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

VARIABLE = "TZDIR"
"""Read whenever a zone is asked for first. Source: github.com/google/cctz, src/time_zone_info.cc."""
OF_HOST = Path("/usr/share/zoneinfo")


def name_zones(environ: Mapping[str, str], host: Path = OF_HOST) -> dict[str, str]:
    """What to add to the environment of a process so that zones are found by name.

    Args:
        environ: usually os.environ.
        host: where the host would keep them.

    Returns:
        The folder of the tzdata package; nothing where the host has zones, or another folder is named already.
    """
    found = None if VARIABLE in environ or host.is_dir() else find_spec("tzdata")
    if found is None or not found.submodule_search_locations:
        return {}
    return {VARIABLE: str(Path(found.submodule_search_locations[0]) / "zoneinfo")}
