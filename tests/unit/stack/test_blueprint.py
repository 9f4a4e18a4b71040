"""How patient the stack's triggers are."""

from __future__ import annotations

from localcloud.pubsub.resources import RetryPolicy
from localcloud.stack.blueprint import DELIVERY

RETRY = RetryPolicy(min_s=DELIVERY["minBackoffS"], max_s=DELIVERY["maxBackoffS"])


def patience_s(retry: RetryPolicy, attempts: int) -> float:
    """How long after its first delivery an event is delivered for the last time."""
    return sum(retry.backoff_s(failures) for failures in range(1, attempts))


def test_an_event_outlives_an_outage_of_ten_minutes() -> None:
    assert patience_s(RETRY, int(DELIVERY["maxAttempts"])) > 600


def test_what_fails_once_or_twice_is_tried_again_within_a_second() -> None:
    assert patience_s(RETRY, 3) < 1


def test_on_google_cloud_the_same_attempts_last_for_hours_and_within_retention() -> None:
    real_s = patience_s(RetryPolicy(), int(DELIVERY["maxAttempts"]))
    assert 12 * 3600 < real_s < 24 * 3600
    assert real_s / patience_s(RETRY, int(DELIVERY["maxAttempts"])) > 59
