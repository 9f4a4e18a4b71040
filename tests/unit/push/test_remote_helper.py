"""The conversation with git, word by word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.push.remote_helper import Answer, PushOptions, RefSpec, parse_spec, serve


class Recorder:
    """A remote that takes `main` and nothing else."""

    def __init__(self) -> None:
        self.options = PushOptions()
        self.pushed: list[RefSpec] = []
        self.asked: list[bool] = []

    def set_options(self, options: PushOptions) -> None:
        self.options = options

    def list_refs(self, *, is_for_push: bool) -> list[tuple[str, str]]:
        self.asked.append(is_for_push)
        return [("1" * 40, "refs/heads/main")]

    def push(self, spec: RefSpec) -> Answer:
        self.pushed.append(spec)
        if spec.dst == "refs/heads/same":
            return Answer(stays_at="1" * 40)
        return Answer() if spec.dst == "refs/heads/main" else Answer("denied:\n2 errors")


def talk(*commands: str) -> tuple[list[str], Recorder]:
    answers: list[str] = []
    remote = Recorder()
    serve(commands, answers.append, remote)
    return answers, remote


def test_it_offers_push_and_options_and_lists_refs() -> None:
    answers, remote = talk("capabilities", "list for-push", "list", "")
    assert remote.asked == [True, False]
    assert answers == [
        "option", "push", "",
        "1" * 40 + " refs/heads/main", "",
        "1" * 40 + " refs/heads/main", "",
    ]  # fmt: skip


def test_options_reach_the_remote_and_unknown_ones_are_said_to_be() -> None:
    answers, remote = talk(
        "option verbosity 0",
        "option progress true",
        "option dry-run true",
        "option cas refs/heads/main:" + "2" * 40,
        "option atomic true",
        "option push-option break-glass=it burns = badly",
        "option push-option x",
        "option verbosity loud",
        "option",
    )
    assert answers == ["ok"] * 6 + ["unsupported"] * 3
    assert remote.options == PushOptions(
        verbosity=0,
        shows_progress=True,
        is_dry_run=True,
        expected={"refs/heads/main": "2" * 40},
        break_glass="it burns = badly",
    )


def test_a_push_is_answered_by_ok_or_by_one_line_of_reason() -> None:
    answers, remote = talk("push refs/heads/main:refs/heads/main", "", "push +HEAD:refs/heads/x", "", "")
    assert answers == ["ok refs/heads/main", "", "error refs/heads/x denied: 2 errors", ""]
    assert remote.pushed == [
        RefSpec("refs/heads/main", "refs/heads/main", False),
        RefSpec("HEAD", "refs/heads/x", True),
    ]


def test_a_ref_that_was_not_moved_is_said_to_stay() -> None:
    answers, _ = talk("push HEAD:refs/heads/same", "", "")
    assert answers == ["ok refs/heads/same", f"option old-oid {'1' * 40}", f"option new-oid {'1' * 40}", ""]


@pytest.mark.parametrize(
    ("commands", "why"),
    [
        (["push a:refs/heads/a", "push b:refs/heads/b", ""], "one branch at a time"),
        (["push :refs/heads/main", ""], "cannot be deleted"),
        (["push refs/tags/v1:refs/tags/v1", ""], "push to a branch"),
    ],
)
def test_what_an_environment_cannot_be_is_refused_with_a_reason(commands: list[str], why: str) -> None:
    answers, remote = talk(*commands)
    assert all(answer.startswith("error ") and why in answer for answer in answers[:-1])
    assert (answers[-1], remote.pushed) == ("", [])


def test_git_going_away_in_the_middle_pushes_what_was_asked() -> None:
    assert talk("push a:refs/heads/main")[0] == ["ok refs/heads/main", ""]


@given(st.from_regex(r"\A[^:+\n ]{0,20}\Z"), st.from_regex(r"\A[^:\n ]{1,20}\Z"), st.booleans())
def test_a_ref_spec_is_taken_apart(src: str, dst: str, is_forced: bool) -> None:
    assert parse_spec(f"{'+' if is_forced else ''}{src}:{dst}") == RefSpec(src, dst, is_forced)
