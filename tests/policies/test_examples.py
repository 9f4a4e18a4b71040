"""The policies of the documentation do what they say, both ways; a case that does not hold, or is missing, is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dagwarden.cli.main import run
from dagwarden.cli.policy import try_file
from dagwarden.errors import InvalidInput
from dagwarden.policy.cases import load_cases, try_cases
from dagwarden.policy.load import advise, load_policy

EXAMPLES = Path(__file__).parents[2] / "docs" / "policies"
NAMES = ["five-teams", "one-person", "one-team", "regulated"]


def test_every_example_has_cases() -> None:
    policies = {file.stem for file in EXAMPLES.glob("*.yaml") if not file.name.endswith(".cases.yaml")}
    assert policies == {file.name.removesuffix(".cases.yaml") for file in EXAMPLES.glob("*.cases.yaml")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_does_what_its_cases_say(name: str) -> None:
    assert try_file(EXAMPLES / f"{name}.cases.yaml").failures == ()
    assert advise(load_policy((EXAMPLES / f"{name}.yaml").read_bytes())) == []


def test_all_examples_are_tried_by_the_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", "test", str(EXAMPLES)]) == 0
    assert "one-team.cases.yaml: 10 cases, all as expected" in capsys.readouterr().out
    assert run(["policy", "test", "--json", str(EXAMPLES)]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(NAMES)


def failures_of(name: str, old: str, new: str) -> str:
    policy = load_policy((EXAMPLES / f"{name}.yaml").read_bytes(), f"{name}.yaml")
    text = (EXAMPLES / f"{name}.cases.yaml").read_text()
    assert old in text
    return "\n".join(try_cases(policy, load_cases(text.replace(old, new, 1).encode())).failures)


def test_a_case_that_does_not_hold_is_told_with_its_line_and_the_clause_that_decided() -> None:
    said = failures_of("one-team", "rules: [push-in-freeze]", "rules: [ref-not-allowed]")
    assert said.startswith(
        "cases.yaml:20: nobody pushes on Friday evening: expected denied by ref-not-allowed; denied by"
    )
    assert "push-in-freeze: `quiet weekend` is a freeze until 2026-03-09 07:00 Europe/Berlin (one-team.yaml:" in said


def test_an_entry_that_no_case_meets_is_told() -> None:
    said = failures_of("one-team", "findings: [latest-image]\n    expect: allowed", "expect: allowed")
    assert said == "one-team.yaml:29: no case meets this entry of `waivers`"


def test_a_policy_that_is_tried_one_way_only_is_told() -> None:
    policy = load_policy((EXAMPLES / "one-person.yaml").read_bytes())
    header = "apiVersion: dagwarden/v1\nkind: PolicyCases\npolicy: p.yaml\ncases:\n"
    refused = "  - {name: a, push: {put: [dags/a.py]}, expect: denied, rules: [unattested-push]}\n"
    allowed = (
        "  - {name: b, push: {principal: me@my-project.iam.gserviceaccount.com, put: [dags/a.py]}, expect: allowed}\n"
    )
    for cases, missing in ((refused, ("let through",)), (allowed, ("refused",)), (refused + allowed, ())):
        failures = try_cases(policy, load_cases((header + cases).encode())).failures
        assert [f"cases.yaml:4: no case is {each}: try the policy both ways" for each in missing] == list(failures)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("expect: allowed", "expect: alowed", "did you mean `allowed`?"),
        ("ref-not-allowed", "ref-not-alowed", "`ref-not-alowed` is no rule; did you mean `ref-not-allowed`?"),
        ("put:", "puts:", "`puts` is no key in `cases[0].push`; did you mean `put`?"),
        ("2026-03-06T14:00:00Z", "2026-03-06T14:00:00", "must be a time like `2026-12-31T18:00:00Z`"),
    ],
)
def test_what_is_wrong_with_a_file_of_cases_is_told(old: str, new: str, fault: str) -> None:
    text = (EXAMPLES / "one-team.cases.yaml").read_text()
    with pytest.raises(InvalidInput) as caught:
        load_cases(text.replace(old, new, 1).encode())
    assert fault in caught.value.message


def test_a_folder_without_cases_is_an_error(tmp_path: Path) -> None:
    assert run(["policy", "test", str(tmp_path)]) == 2
