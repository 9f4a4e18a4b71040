"""Cloud Composer's answers, whatever they are: settings, or an error of ours."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from hypothesis import given
from hypothesis import strategies as st

from dagwarden.cloud.composer import MOST_PAGES, Composer, read_state
from dagwarden.errors import InvalidInput, Permanent, Unavailable
from dagwarden.policy.environment import load_environment
from dagwarden.settings import Settings

NAME = "projects/p/locations/l/environments/e"
TEXT = f"apiVersion: dagwarden/v1\nkind: Environment\nname: prod\ncomposer: {NAME}\n"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PARTS = (
    *("name", "config", "config.nodeConfig", "config.softwareConfig", "config.softwareConfig.airflowConfigOverrides"),
    *("config.softwareConfig.pypiPackages", "config.webServerNetworkAccessControl", "config.privateEnvironmentConfig"),
    *("config.webServerNetworkAccessControl.allowedIpRanges", "config.recoveryConfig", "state", "more"),
)


class Session:
    """Answers every request with the same bytes, as `AuthorizedSession` would."""

    credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]

    def __init__(self, *contents: bytes, status: int = 200) -> None:
        self.contents = list(contents)
        self.status = status
        self.asked: list[str] = []

    def request(self, _method: str, url: str, **_how: Any) -> requests.Response:
        self.asked.append(url)
        response = requests.Response()
        response.status_code = self.status
        response.request = requests.Request("GET", url).prepare()
        response._content = self.contents[0] if len(self.contents) == 1 else self.contents.pop(0)
        return response


def make(session: Session) -> Composer:
    return Composer(session, Settings(retry_deadline_s=0.0))  # type: ignore[arg-type]


def test_google_is_asked_unless_told_otherwise() -> None:
    session = Session(json.dumps({"name": NAME}).encode())
    make(session).read(NAME)
    assert session.asked == [f"https://composer.googleapis.com/v1/{NAME}"]


@given(part=st.sampled_from(PARTS), value=JSON)
def test_any_part_of_an_answer_may_be_anything(part: str, value: object) -> None:
    answer: dict[str, Any] = {"name": NAME, "config": {}}
    *before, last = part.split(".")
    target = answer
    for name in before:
        target = target.setdefault(name, {})
    target[last] = value
    with contextlib.suppress(InvalidInput):
        make(Session(msgspec.json.encode(answer))).read(NAME)


@pytest.mark.parametrize(
    "content", [b"[]", b"null", b'"x"', b"{}", b'{"name": "projects/p/locations/l/environments/f"}']
)
def test_an_answer_that_is_none_is_a_fault_and_no_crash(content: bytes) -> None:
    state = read_state(make(Session(content)), load_environment(TEXT.encode()))
    assert state is not None
    assert state.settings is None
    assert state.faults


@pytest.mark.parametrize("content", [b"<html>", b"", b"{", b"\xff"])
def test_what_is_no_json_is_asked_for_again_later(content: bytes) -> None:
    with pytest.raises(Unavailable):
        make(Session(content)).read(NAME)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 302])
def test_a_refusal_is_permanent(status: int) -> None:
    with pytest.raises(Permanent):
        make(Session(b"{}", status=status)).read(NAME)


@pytest.mark.parametrize(
    ("pages", "answer"),
    [
        ([{"imageVersions": [{"imageVersionId": "a"}]}], True),
        ([{"imageVersions": [{"imageVersionId": "a", "creationDisabled": True}]}], False),
        ([{"nextPageToken": "t"}, {"imageVersions": [{"imageVersionId": "a"}]}], True),
        ([{}], False),
    ],
)  # fmt: skip
def test_an_image_is_offered_that_is_listed_and_not_closed(pages: list[dict[str, Any]], answer: bool) -> None:
    session = Session(*(json.dumps(page).encode() for page in pages))
    assert make(session).is_offered(NAME, "a") is answer
    assert all("/locations/l/imageVersions?includePastReleases=true" in url for url in session.asked)


def test_pages_without_end_are_a_fault() -> None:
    session = Session(b'{"nextPageToken": "again"}')
    with pytest.raises(InvalidInput, match="pages"):
        make(session).is_offered(NAME, "a")
    assert len(session.asked) == MOST_PAGES


def test_an_environment_that_composer_does_not_run_is_not_asked_for() -> None:
    session = Session(b"{}")
    assert read_state(make(session), load_environment(TEXT.partition("composer:")[0].encode())) is None
    assert session.asked == []
