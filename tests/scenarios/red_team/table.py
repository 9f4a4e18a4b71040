# ruff: noqa: E501 (one attempt a line: literal data)
"""All attempts, by the way they take: what docs/red-team.md shows."""

from __future__ import annotations

from tests.scenarios.red_team.attempt import Attempt
from tests.scenarios.red_team.by_argument import BY_BODY, BY_CHAIN, BY_CONNECTION, BY_RUN_TIME
from tests.scenarios.red_team.by_extra import BY_EXTRA
from tests.scenarios.red_team.by_place import BY_PATH, BY_POD, BY_TEXT
from tests.scenarios.red_team.by_push import BY_KEY, BY_PATH_PUSHED, BY_SIGNATURE, PushAttempt

SECTIONS: dict[str, tuple[Attempt, ...]] = {
    "an account to act as": BY_CHAIN,
    "what is decided at run time, or hidden": BY_RUN_TIME,
    "what a task creates": BY_BODY,
    "connections": BY_CONNECTION,
    "a connection of its own": BY_EXTRA,
    "the pod, worker or variables it runs with": BY_POD,
    "text that no argument shows": BY_TEXT,
    "whose file it is": BY_PATH,
}
ATTEMPTS: tuple[Attempt, ...] = tuple(attempt for section in SECTIONS.values() for attempt in section)

PUSHED: dict[str, tuple[PushAttempt, ...]] = {
    "a path that is not the team's": BY_PATH_PUSHED,
    "somebody else's name, or nobody's": BY_SIGNATURE,
    "an SSH key's signature": BY_KEY,
}

ELSEWHERE: tuple[tuple[str, str], ...] = (
    ("a plugin that makes standing tasks of others run as somebody else", "tests/scenarios/validation/test_validation.py::test_a_plugin_that_makes_standing_tasks_run_as_somebody_else_is_denied"),
    ("going back to a release of an account that the team may use no more", "tests/scenarios/validation/test_validation.py::test_a_rollback_is_held_against_the_teams_of_now_where_the_policy_wants_that"),
    ("a push changed after its verdict", "tests/scenarios/red_team/test_pushes.py::test_a_push_changed_after_its_verdict_changes_nothing"),
    ("an old push offered again", "tests/scenarios/red_team/test_pushes.py::test_a_push_offered_again_later_brings_nothing_back"),
    ("other bytes than were signed for", "tests/scenarios/red_team/test_pushes.py::test_other_bytes_than_were_signed_for_are_denied"),
    ("approving one's own push at the gate", "tests/scenarios/gate/test_approvals.py::test_the_pusher_cannot_approve_their_own_push"),
    ("an attestation, or another push's approval, offered as approval", "tests/scenarios/gate/test_approvals.py::test_an_attestation_is_no_approval_and_a_copied_approval_is_of_its_push_alone"),
    ("an approval by SSH key for another push, environment, purpose or time", "tests/unit/push/test_approve.py::test_a_signature_for_something_else_approves_nothing"),
    ("an approval by SSH key, copied, bent or grown, at the gate", "tests/scenarios/gate/test_approvals.py::test_an_ssh_approval_copied_bent_or_grown_approves_nothing"),
    ("the approval by a key that was taken out of the policy", "tests/scenarios/gate/test_approvals.py::test_a_key_that_the_policy_names_no_more_approves_no_more"),
    ("a signed commit that is another", "tests/unit/policy/test_commits.py"),
    ("a verdict laid into the store", "tests/scenarios/red_team/test_pushes.py::test_a_verdict_that_somebody_laid_into_the_store_releases_nothing_and_is_told"),
    ("a receipt of a release that nobody made", "tests/unit/cli/test_reading.py::test_a_forged_receipt_is_shown_as_such"),
    ("a release that the gate did not sign, met by an agent", "tests/unit/sync/test_agent.py::test_a_release_the_gate_did_not_sign_is_refused"),
    ("another history under the same numbers, met by an agent", "tests/unit/sync/test_agent.py::test_another_history_under_the_same_numbers_is_refused"),
    ("a policy written past `dagwarden policy apply`", "tests/unit/cli/test_policy_verbs.py::test_a_policy_written_past_apply_is_shown_as_such_and_a_broken_one_too"),
    ("a file written into the environment's bucket past Dagwarden", "tests/scenarios/mirror/test_drift.py::test_an_overwritten_file_is_reported_then_put_back"),
    ("an older released version brought back by hand", "tests/scenarios/mirror/test_drift.py::test_an_older_released_version_brought_back_by_hand_is_drift"),
    ("metadata forged to hide such a file", "tests/scenarios/mirror/test_drift.py::test_forged_metadata_does_not_hide_drift"),
    ("a release written into the ledger by hand", "tests/scenarios/contract/test_contract_lines.py::test_line_5_history_cannot_be_rewritten_unseen"),
    ("a file that speaks to Airflow, the sandbox or its parent while it is imported", "tests/scenarios/attacks/test_attacks.py"),
    ("archives with links, devices, and more bytes than may be", "tests/scenarios/gate/test_deciding.py::test_hostile_archives_end_as_denied_verdicts"),
)  # fmt: skip
"""Attempts that are stories rather than rows, and where each is told."""
