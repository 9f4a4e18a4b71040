"""Teams are checked when a policy is loaded, and say whose a file is."""

from __future__ import annotations

import pytest

from dagwarden.errors import InvalidInput
from dagwarden.policy.load import advise, load_policy
from dagwarden.policy.teams import find_teams

HEAD = "apiVersion: dagwarden/v1\nkind: Policy\n"
TEAM = HEAD + "teams:\n  - name: sales\n    paths: ['dags/sales/**']\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "teams:\n  - name: sales\n", "policy.yaml:4: `teams[0].paths` is missing"),
        (HEAD + "teams:\n  - name: sales\n    paths: []\n", "policy.yaml:5: `teams[0].paths` must be a list of"),
        (HEAD + "teams:\n  - name: sales\n    paths: ['/dags']\n", "policy.yaml:5: `/dags` starts with `/`"),
        (HEAD + "teams:\n  - name: sales\n    paths: ['data/**']\n", "policy.yaml:5: `data/**` covers nothing"),
        (TEAM + "  - name: sales\n    paths: ['dags/x/**']\n", "6: `sales` names two teams, the first on line 4"),
        (TEAM + "    may_use: {conections: []}\n", "`conections` is no key in `teams[0].may_use`; did you mean"),
        (TEAM + "    may_use:\n      impersonation: [etl-sales]\n", "policy.yaml:7: `etl-sales` is no e-mail"),
        (
            TEAM + "    may_use:\n      service_accounts: ['1-compute@developer.gserviceaccount.com']\n",
            "policy.yaml:7: `1-compute@developer.gserviceaccount.com` is a default account of its project",
        ),
        (HEAD + "identities: {unresolvable: maybe}\n", "policy.yaml:3: `identities.unresolvable` must be one of"),
        (HEAD + "identities: {defualt: deny}\n", "`defualt` is no key in `identities`; did you mean `default`?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_policy(text.encode())
    assert said in caught.value.message


def test_globs_of_accounts_are_taken() -> None:
    policy = load_policy(
        (TEAM + "    may_use: {impersonation: ['*', 'etl-*@acme-?.iam.gserviceaccount.com']}\n").encode()
    )
    assert policy.teams[0].may_use.impersonation == ("*", "etl-*@acme-?.iam.gserviceaccount.com")


def test_what_is_hardly_meant_is_told_as_advice() -> None:
    policy = load_policy((TEAM + "    may_use:\n      impersonation: ['*']\nvalidate: {imports: skipped}\n").encode())
    said = [line for line in advise(policy) if "nobody can push" not in line]
    assert said == [
        "policy.yaml:7: `sales` may act as anybody whom the environment may",
        "policy.yaml:8: `teams` bind what DAG files define, and here nobody imports them: most is unresolvable",
    ]


def test_a_file_may_be_of_several_teams_or_of_none() -> None:
    policy = load_policy((TEAM + "  - name: everybody\n    paths: ['dags/**']\n").encode())
    for path, names in (
        ("dags/sales/a.py", ["sales", "everybody"]),
        ("dags/Sales/a.py", ["everybody"]),
        ("plugins/a.py", []),
    ):
        assert [team.name for _, team in find_teams(policy.teams, path)] == names
