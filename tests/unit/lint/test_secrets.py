"""Masks tell the kind and the length of a secret, and no part of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.lint.secrets import mask


@pytest.mark.parametrize(
    ("literal", "shown"),
    [
        ("'hunter2'", "*** (7 characters)"),
        ('"AIzaSyA0123456789abcdefghijklmnopqrstuv"', "AIza*** (39 characters)"),
        ('b"""ghp_abc"""', "ghp_*** (7 characters)"),
        ('"-----BEGIN PRIVATE KEY-----\\nMIIE"', "-----BEGIN PRIVATE KEY----- *** (33 characters)"),
        ('f"postgresql://etl:hunter2@{HOST}/a"', "postgresql://*** (33 characters)"),
        ('"hun" + "ter2"', "*** (12 characters)"),
    ],
)
def test_a_mask_shows_kind_and_length(literal: str, shown: str) -> None:
    assert mask(literal) == shown


@given(st.text(alphabet=st.characters(whitelist_categories=("L", "N")), min_size=6, max_size=40))
def test_no_secret_survives_its_mask(secret: str) -> None:
    assert secret not in mask(f'"{secret}"').partition(" (")[0]
