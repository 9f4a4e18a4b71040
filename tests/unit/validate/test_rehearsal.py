"""The file that a warm parent imports beforehand is one that this Airflow takes, and leaves nothing behind."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from dagwarden.validate.extract.originals import capture_originals
from dagwarden.validate.rehearsal import rehearse


def test_the_rehearsal_finds_nothing_wrong_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import airflow.sdk  # noqa: F401 (as in a warm parent)

    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # as in a warm parent, too
    originals = capture_originals()
    assert rehearse(tmp_path, originals) == ()
    context: Any = originals.dag_context
    assert not context.autoregistered_dags
    assert not [name for name in sys.modules if name.endswith("_rehearsal") and name.startswith("unusual_prefix_")]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
