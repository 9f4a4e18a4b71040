"""What a policy says of validation, as the validator takes it: apart from it, for whoever only asks it."""

from __future__ import annotations

from dagwarden.policy.model import Policy
from dagwarden.validate.report import ValidateSettings


def settings_of(policy: Policy, airflow: tuple[int, int] = (3, 3)) -> ValidateSettings:
    """How the imports of a push are bounded and judged.

    Args:
        airflow: the environment's, major and minor.
    """
    said = policy.validate
    return ValidateSettings(
        airflow=airflow,
        import_timeout_s=said.import_timeout_s,
        memory_bytes=said.memory_bytes,
        slow_import_s=said.slow_import_s,
        heavy_import_s=said.heavy_import_s,
        required=said.required,
        opted_in=tuple(policy.enforcement.rules),
    )
