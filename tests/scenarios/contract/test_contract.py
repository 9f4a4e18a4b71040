"""Whatever comes, in whatever order, however often: at the end the contract holds.

`make soak` runs many more examples, chosen anew each time; here they are few, and always the same.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.scenarios.contract.machine import make_machine
from tests.scenarios.contract.pipeline import Plant

ALWAYS = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True, "database": None}
QUICK = settings(max_examples=6, stateful_step_count=25, derandomize=True, phases=[Phase.generate], **ALWAYS)  # type: ignore[arg-type]
SOAK = settings(max_examples=int(os.environ.get("CONTRACT_EXAMPLES", "500")), stateful_step_count=60, **ALWAYS)  # type: ignore[arg-type]
IS_SOAK = os.environ.get("CONTRACT_PROFILE") == "soak"


@pytest.mark.timeout(0 if IS_SOAK else 300)
def test_the_contract_holds_whatever_comes(plant: Plant) -> None:
    run_state_machine_as_test(make_machine(plant), settings=SOAK if IS_SOAK else QUICK)
