"""The loop both drivers run: a command a line in, a measurement a line out. No dependency but the standard library."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping

from tests.benchmarks.drivers.meter import Meter


def follow(meter: Meter, steps: Mapping[str, Callable[[], None]], after: Callable[[], None] = lambda: None) -> None:
    """Do the step that each line of standard input names; say how long it took and what it received.

    Args:
        after: what is done after each step, unmeasured.
    """
    for line in sys.stdin:
        received, begun = meter.received_bytes, time.perf_counter()
        steps[line.strip()]()
        seconds = time.perf_counter() - begun
        measured = {"seconds": seconds, "received_bytes": meter.received_bytes - received}
        after()
        print(json.dumps(measured), flush=True)
