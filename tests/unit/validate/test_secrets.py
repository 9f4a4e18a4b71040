"""Secrets in plain text that only the imported DAG shows: found by lint's own rule, told masked."""

from __future__ import annotations

import pytest

from dagwarden.validate.model import DagModel, FileModel, Known, TaskModel
from dagwarden.validate.plain import Argument, Plain
from dagwarden.validate.secrets import check_secrets
from dagwarden.validate.suspects import LONGEST, find_suspects

PASSWORD = "correct-horse-7"


def find_secrets(name: str, value: Plain, known: Known = Known.LITERAL) -> list[tuple[int, str]]:
    task = TaskModel(task_id="load", operator="Pod", line=7)
    model = FileModel(path="dags/a.py", dags=(DagModel(dag_id="etl", tasks=(task,)),))
    argument = Argument(name=name, value=value, known=known)
    return [(each.line, each.message) for each in check_secrets(model, find_suspects("load", [argument]))]


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        ("env_vars", {"DB_PASSWORD": PASSWORD}, "env_vars.DB_PASSWORD"),
        ("env_vars", [{"name": "API_TOKEN", "value": "q1w2-e3r4-t5y6"}], "env_vars[0].API_TOKEN"),
        ("env", {"ACCOUNT": "AKIAABCDEFGHIJKLMNOP"}, "env.ACCOUNT"),
        ("password", PASSWORD, "password"),
        (
            "configuration",
            {"load": [{"auth": {"client_secret": PASSWORD}}]},
            "configuration.load[0].auth.client_secret",
        ),
        ("op_kwargs", {"pem": "-----BEGIN PRIVATE KEY-----\n" + "A1b2" * 10}, "op_kwargs.pem"),
        ("env", {'it\'s a "token"\n': PASSWORD, "x_token": PASSWORD}, "env.x_token"),
    ],
)
def test_a_secret_is_told_with_its_place_and_without_its_text(name: str, value: Plain, place: str) -> None:
    [(line, message)] = find_secrets(name, value)
    assert line == 7
    assert f"`{place}` of `load`" in message
    assert "*** (" in message
    assert PASSWORD not in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("env_vars", {"DB_PASSWORD": "{{ conn.db.password }}", "TOKEN_FILE": "/var/run/token", "API_KEY": ""}),
        ("env_vars", [{"name": "API_KEY", "value_from": {"secret_key_ref": {"name": "api"}}}]),
        ("env", {"SECRET_NAME": "projects/acme/secrets/db", "TOKEN": "slack_token"}),
        ("env", {"DB_PASSWORD": PASSWORD * LONGEST}),
        ("bash_command", "echo done"),
    ],
)
def test_what_only_names_a_secret_is_let_be(name: str, value: Plain) -> None:
    assert find_secrets(name, value) == []


@pytest.mark.parametrize("known", [Known.DEFAULT, Known.TEMPLATED])
def test_what_nobody_wrote_down_is_no_secret_of_the_file(known: Known) -> None:
    assert find_secrets("password", PASSWORD, known) == []
