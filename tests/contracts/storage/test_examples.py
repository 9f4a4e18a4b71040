"""The examples in the storage service's docstrings hold."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("module", ["clock", "glob", "listing", "merge"])
def test_examples_in_docstrings_hold(module: str) -> None:
    results = doctest.testmod(importlib.import_module(f"localcloud.storage.{module}"))
    assert results.attempted
    assert not results.failed
