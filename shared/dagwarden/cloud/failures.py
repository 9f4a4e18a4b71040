"""Maps every exception of Google's clients to one of ours, by a table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import google.auth.exceptions
import requests
from google.api_core import exceptions as api
from google.resumable_media import common as media

from dagwarden import errors
from dagwarden.cloud.grants import say_grant
from dagwarden.cloud.reach import is_unreachable, say_unreachable, say_way_there

MAPPING: tuple[tuple[type[Exception], type[errors.DagwardenError]], ...] = (
    (api.PreconditionFailed, errors.PreconditionFailed),
    (api.NotModified, errors.PreconditionFailed),
    (api.Aborted, errors.PreconditionFailed),
    (api.FailedPrecondition, errors.PreconditionFailed),
    (api.NotFound, errors.NotFound),
    (api.AlreadyExists, errors.AlreadyExists),
    (api.Conflict, errors.AlreadyExists),
    (api.Forbidden, errors.AccessDenied),
    (api.Unauthorized, errors.AccessDenied),
    (api.TooManyRequests, errors.Unavailable),
    (api.ServerError, errors.Unavailable),
    (api.RetryError, errors.Unavailable),
    (api.Cancelled, errors.Unavailable),
    (api.Redirection, errors.Permanent),
    (api.ClientError, errors.InvalidInput),
    (api.GoogleAPICallError, errors.Unavailable),
    (api.GoogleAPIError, errors.Unavailable),
    (google.auth.exceptions.TransportError, errors.Unavailable),
    (google.auth.exceptions.TimeoutError, errors.Unavailable),
    (google.auth.exceptions.RefreshError, errors.AccessDenied),
    (google.auth.exceptions.GoogleAuthError, errors.AccessDenied),
    (media.DataCorruption, errors.Unavailable),
    (media.InvalidResponse, errors.Unavailable),
    (requests.exceptions.RequestException, errors.Unavailable),
    (ConnectionError, errors.Unavailable),
    (TimeoutError, errors.Unavailable),
)
"""First match wins: narrower classes stand before wider ones."""


def to_error(error: Exception, operation: str, subject: str) -> errors.DagwardenError | None:
    """Our error for a foreign one; None when it is no exception of Google's clients (then it is a defect of ours)."""
    if is_unreachable(error):
        return errors.Unreachable(
            say_unreachable(error), operation=operation, subject=subject, hint=say_way_there(error)
        )
    for foreign, ours in MAPPING:
        if isinstance(error, foreign):
            may_pass = getattr(error, "retryable", False)  # google-auth's own word
            kind = errors.Unavailable if may_pass else ours
            hint = say_hint(kind, error, operation)
            return kind(say_error(error)[:500], operation=operation, subject=subject, hint=hint)
    return None


def say_hint(kind: type[errors.DagwardenError], error: Exception, operation: str) -> str:
    """What to do about it; empty where that hangs on what was asked for."""
    if kind is errors.AccessDenied:
        return say_grant(error, operation)
    return "try again: the service is busy" if kind is errors.Unavailable else ""


def say_error(error: Exception) -> str:
    """What a foreign exception says to people: the sentence in the answer that it stands for, where there is one."""
    if isinstance(error, api.RetryError):
        return str(error)  # its message names the time alone, and not what was met
    answer = getattr(error, "response", None)
    if isinstance(answer, requests.Response):
        try:
            return str(answer.json()["error"]["message"])
        except (ValueError, KeyError, TypeError):
            pass  # an answer in another form: all of it is told
    return str(getattr(error, "message", None) or error) or type(error).__name__


@contextmanager
def mapped(operation: str, subject: str) -> Iterator[None]:
    """Within, exceptions of Google's clients are raised as ours, naming operation and subject."""
    try:
        yield
    except errors.DagwardenError:
        raise
    except Exception as error:
        ours = to_error(error, operation, subject)
        if ours is None:
            raise
        raise ours from error
