"""What runs inside Airflow: the versioned Dag bundle over an agent's trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagwarden.airflow.bundle import ReleaseBundle

__all__ = ["ReleaseBundle"]


def __getattr__(name: str) -> Any:
    """Loaded when asked for: Airflow before 3.0 has no Dag bundles, and importing it takes seconds."""
    if name == "ReleaseBundle":
        from dagwarden.airflow.bundle import ReleaseBundle

        return ReleaseBundle
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
