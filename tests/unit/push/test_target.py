"""What a remote's URL and git's configuration say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.errors import InvalidInput
from dagwarden.push.target import Target, add_to_environ, read_configured, read_target
from dagwarden.settings import Settings


@pytest.mark.parametrize("start", ["", "dagwarden::"])
def test_a_url_names_inbox_and_environment(start: str) -> None:
    assert read_target(f"{start}gs://acme-inbox/prod", {}) == Target(inbox="acme-inbox", environment="prod")  # type: ignore[arg-type]


def test_the_url_wins_over_what_is_configured() -> None:
    target = read_target("gs://inbox/prod/?prefix=dags/a/&timeout=3", {"prefix": "dags/b", "source": "me"})
    assert (target.prefix, target.source, target.timeout_s) == ("dags/a", "me", 3.0)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gs://inbox",
        "gs:///prod",
        "s3://inbox/prod",
        "gs://inbox/Prod",
        "gs://inbox/a/b",
        "gs://inbox/prod?perfix=x",
        "gs://inbox/prod#x",
        "gs://inbox/prod?timeout=long",
        "gs://inbox/prod?timeout=-1",
        "gs://inbox/prod?timeout=nan",
        "gs://inbox/prod?prefix=data",
        "gs://[inbox/prod",
    ],
)
def test_a_url_that_names_no_environment_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        read_target(url, {})


@given(st.text())
def test_any_text_is_a_target_or_refused(url: str) -> None:
    for text in (url, f"gs://{url}", f"gs://inbox/prod?{url}"):
        try:
            read_target(text, {})
        except InvalidInput:
            continue


def test_configuration_of_the_one_remote_wins_over_general() -> None:
    config = [
        ("user.name", "Ada"),
        ("remote.prod.dagwarden-ledgerbucket", "ledger-b"),
        ("dagwarden.ledgerbucket", "ledger-a"),
        ("dagwarden.source", "me"),
        ("remote.test.dagwarden-source", "other"),
    ]
    assert read_configured(config, "prod") == {"ledger_bucket": "ledger-b", "source": "me"}
    assert read_configured(config, "test") == {"ledger_bucket": "ledger-a", "source": "other"}


def test_a_mistyped_key_is_refused_with_a_guess() -> None:
    with pytest.raises(InvalidInput, match="did you mean prefix"):
        read_configured([("dagwarden.perfix", "x")], "prod")


def test_environment_variables_win_over_gits_configuration() -> None:
    configured = {"ledger_bucket": "b", "request_timeout_s": "7", "prefix": "dags/x"}
    environ = add_to_environ({"DAGWARDEN_LEDGER_BUCKET": "a", "HOME": "/"}, configured)
    assert environ == {"DAGWARDEN_LEDGER_BUCKET": "a", "HOME": "/", "DAGWARDEN_REQUEST_TIMEOUT_S": "7"}
    assert Settings.load(environ).request_timeout_s == 7.0
