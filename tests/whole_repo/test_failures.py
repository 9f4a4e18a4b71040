"""Every exception of Google's clients becomes one of ours; only that decides whether an event is delivered again."""

from __future__ import annotations

import ast
import inspect
from types import ModuleType

import google.auth.exceptions
import google.cloud.storage.exceptions
import google.resumable_media.common
import pytest
import requests
import requests.exceptions
from google.api_core import exceptions as api

from dagwarden import errors
from dagwarden.cloud.failures import MAPPING, say_error, to_error
from dagwarden.cloud.grants import ROLES
from tests.whole_repo.repository import LIBRARY, list_modules

SOURCES: tuple[ModuleType, ...] = (
    api,
    google.auth.exceptions,
    requests.exceptions,
    google.cloud.storage.exceptions,
    google.resumable_media.common,
)

NOT_RAISED = {
    "AsyncRestUnsupportedParameterError": "of the asynchronous REST transport, which nothing here uses",
    "InvalidPathError": "of the storage client's transfer manager, which nothing here uses",
    "DataCorruptionDynamicParent": "an alias of google.resumable_media's",
    "InvalidResponseDynamicParent": "an alias of google.resumable_media's",
}


def exceptions_of(module: ModuleType) -> list[type[Exception]]:
    """Those the module offers; not what it borrows from Python and urllib3, nor warnings."""
    found = (kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, Exception))
    own = (kind for kind in found if kind.__module__.startswith(("google.", "requests.")))
    return [kind for kind in own if not issubclass(kind, Warning) and kind.__name__ not in NOT_RAISED]


def make(kind: type[Exception]) -> Exception:
    """One of these, without its constructor: their arguments differ."""
    error = kind.__new__(kind)
    error.args = ("boom",)
    if issubclass(kind, api.GoogleAPICallError):
        error.message = "boom"  # type: ignore[attr-defined]
        error._errors, error._details = [], []  # type: ignore[attr-defined]
    if issubclass(kind, api.RetryError):
        error.message, error._cause = "boom", None  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    "kind", [kind for module in SOURCES for kind in exceptions_of(module)], ids=lambda kind: kind.__name__
)
def test_every_foreign_exception_becomes_one_of_ours(kind: type[Exception]) -> None:
    ours = next((ours for foreign, ours in MAPPING if issubclass(kind, foreign)), None)
    assert ours is not None, f"{kind.__module__}.{kind.__name__} has no row in cloud/failures.MAPPING"
    assert issubclass(ours, errors.Transient | errors.Permanent)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (api.ServiceUnavailable, errors.Unavailable),
        (api.TooManyRequests, errors.Unavailable),
        (api.ResourceExhausted, errors.Unavailable),
        (api.DeadlineExceeded, errors.Unavailable),
        (api.PreconditionFailed, errors.PreconditionFailed),
        (api.Aborted, errors.PreconditionFailed),
        (api.NotFound, errors.NotFound),
        (api.AlreadyExists, errors.AlreadyExists),
        (api.PermissionDenied, errors.AccessDenied),
        (api.Unauthenticated, errors.AccessDenied),
        (api.InvalidArgument, errors.InvalidInput),
        (google.auth.exceptions.TransportError, errors.Unavailable),
        (google.auth.exceptions.TimeoutError, errors.Unavailable),
        (google.auth.exceptions.DefaultCredentialsError, errors.AccessDenied),
        (google.cloud.storage.exceptions.DataCorruption, errors.Unavailable),
        (google.cloud.storage.exceptions.InvalidResponse, errors.Unavailable),
        (requests.exceptions.ConnectionError, errors.Unavailable),
        (requests.exceptions.ReadTimeout, errors.Unavailable),
    ],
)
def test_what_may_pass_is_transient_and_the_rest_is_not(kind: type[Exception], expected: type) -> None:
    assert type(to_error(make(kind), "read", "prod")) is expected


@pytest.mark.parametrize(("retryable", "expected"), [(True, errors.Unavailable), (False, errors.AccessDenied)])
def test_a_refresh_that_google_auth_calls_retryable_is_transient(retryable: bool, expected: type) -> None:
    error = google.auth.exceptions.RefreshError("no token", retryable=retryable)  # type: ignore[no-untyped-call]
    assert type(to_error(error, "sign", "gate")) is expected


def test_rows_that_can_never_match_are_not_in_the_table() -> None:
    hidden = [
        foreign.__name__
        for place, (foreign, _) in enumerate(MAPPING)
        if any(issubclass(foreign, earlier) for earlier, _ in MAPPING[:place])
    ]
    assert hidden == []


def list_operations() -> set[str]:
    """What the clients in cloud/ say they do, wherever they may be refused."""
    calls = [
        node
        for module in list_modules(LIBRARY / "cloud", "dagwarden.cloud")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
    ]
    words = [
        argument.value
        for call in calls
        if ast.unparse(call.func) in {"mapped", "self._post", "self._rest.get", "self._rest.post"}
        for argument in call.args[: 1 if ast.unparse(call.func) in {"mapped", "self._post"} else None]
        if isinstance(argument, ast.Constant)
    ]
    return set(words)


NEEDS_NO_ROLE = {
    "ask permissions": "anybody may ask what they hold",
    "connect": "making a client asks for nothing",
    "find credentials": "somebody who is not logged in lacks no role",
    "find identity": "the metadata server answers all who reach it",
    "read certificates": "public keys are public",
}


def test_whoever_is_refused_is_told_the_role_that_lets_them() -> None:
    assert list_operations() == ROLES.keys() | NEEDS_NO_ROLE.keys()
    assert not ROLES.keys() & NEEDS_NO_ROLE.keys()
    refused = to_error(api.Forbidden("ada does not have storage.objects.get"), "read object", "gs://b/a")
    assert refused is not None
    assert refused.hint.startswith("ask the platform team for roles/storage.objectViewer on the bucket; docs/access.md")


def test_whoever_is_not_logged_in_is_told_to_log_in() -> None:
    error = google.auth.exceptions.DefaultCredentialsError("none found")  # type: ignore[no-untyped-call]
    refused = to_error(error, "find credentials", "application default credentials")
    assert refused is not None
    assert "gcloud auth application-default login" in refused.hint


def test_a_defect_of_our_own_stays_what_it_is() -> None:
    assert to_error(KeyError("number"), "read", "prod") is None


ANSWER = b'{"error": {"code": 404, "message": "No such object: b/prod/policy.yaml", "errors": []}}'


@pytest.mark.parametrize(
    ("body", "said"),
    [(ANSWER, "No such object: b/prod/policy.yaml"), (b"<html>", "GET /b: <html>"), (b"[]", "GET /b: []")],
)
def test_of_an_answer_the_services_own_sentence_is_told(body: bytes, said: str) -> None:
    answer = requests.Response()
    answer.status_code, answer._content = 404, body
    error = api.NotFound(f"GET /b: {body.decode()}", response=answer)
    assert say_error(error) == said


def test_attempts_given_up_tell_what_the_last_one_met() -> None:
    error = api.RetryError("Timeout of 60.0s exceeded", ConnectionError("Connection refused"))
    assert say_error(error) == "Timeout of 60.0s exceeded, last exception: Connection refused"
