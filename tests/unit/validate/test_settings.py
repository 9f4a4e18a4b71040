"""What a policy says of validation is how files are validated."""

from __future__ import annotations

import pytest

from dagwarden.errors import InvalidInput
from dagwarden.policy.load import load_policy
from dagwarden.validate.guarantees import Guarantee
from dagwarden.validate.report import ValidateSettings
from dagwarden.validate.settings import settings_of

HEAD = "apiVersion: dagwarden/v1\nkind: Policy\n"


def test_a_policy_that_says_nothing_leaves_the_defaults() -> None:
    settings = settings_of(load_policy(HEAD.encode()), (2, 11))
    assert settings == ValidateSettings(airflow=(2, 11))


def test_a_policy_bounds_imports_and_asks_for_rules() -> None:
    text = HEAD + (
        "validate: {import_timeout_s: 5, required: [no-network, no-writes]}\n"
        "enforcement: {rules: {isolated-task: warn}}\n"
    )  # fmt: skip
    settings = settings_of(load_policy(text.encode()))
    assert settings.import_timeout_s == 5
    assert settings.required == (Guarantee.NO_NETWORK, Guarantee.NO_WRITES)
    assert settings.opted_in == ("isolated-task",)


@pytest.mark.parametrize("said", ["{import_timeout_s: 0}", "{required: [no-fun]}", "{timeout: 3}"])
def test_what_means_nothing_is_refused(said: str) -> None:
    with pytest.raises(InvalidInput, match="validate"):
        load_policy(f"{HEAD}validate: {said}\n".encode())
