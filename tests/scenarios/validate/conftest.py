"""One warm parent for all tests here: it takes seconds to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dagwarden.validate.engine import Validator


@pytest.fixture(scope="session")
def validator() -> Iterator[Validator]:
    """Ready to import files of any tree."""
    with Validator() as started:
        yield started
