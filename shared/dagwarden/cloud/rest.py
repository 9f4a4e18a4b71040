"""Google's JSON APIs that have no client of their own here: one request, tried again while that may help."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagwarden import errors
from dagwarden.cloud.failures import mapped
from dagwarden.settings import Settings

if TYPE_CHECKING:
    from google.auth.transport.requests import AuthorizedSession

WAITS_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, None)


class Rest:
    """Requests in the name of one identity."""

    def __init__(self, session: AuthorizedSession, settings: Settings) -> None:
        self.universe = str(session.credentials.universe_domain)
        self._session = session
        self._deadline_s = settings.retry_deadline_s
        self._timeout_s = settings.request_timeout_s

    def get(self, url: str, operation: str, subject: str) -> dict[str, Any]:
        """The answer to a GET."""
        return self._ask("GET", url, None, operation, subject)

    def post(self, url: str, body: Mapping[str, Any], operation: str, subject: str) -> dict[str, Any]:
        """The answer to a POST; `body` must be such that doing it twice is no worse than once.

        Raises:
            PreconditionFailed: somebody else was faster (409 or 412).
        """
        return self._ask("POST", url, body, operation, subject)

    def _ask(
        self, method: str, url: str, body: Mapping[str, Any] | None, operation: str, subject: str
    ) -> dict[str, Any]:  # fmt: skip
        deadline = time.monotonic() + self._deadline_s
        for wait_s in WAITS_S:
            try:
                return self._ask_once(method, url, body, operation, subject)
            except errors.Unavailable:
                if wait_s is None or time.monotonic() + wait_s > deadline:
                    raise
                time.sleep(wait_s)
        raise AssertionError("the last wait is None, so the loop has raised or returned")

    def _ask_once(
        self, method: str, url: str, body: Mapping[str, Any] | None, operation: str, subject: str
    ) -> dict[str, Any]:  # fmt: skip
        from google.api_core.exceptions import from_http_response

        with mapped(operation, subject):
            response = self._session.request(method, url, json=body, timeout=self._timeout_s)
            if response.status_code == 409:
                raise errors.PreconditionFailed(response.text[:200], operation=operation, subject=subject)
            if response.status_code >= 400:
                raise from_http_response(response)
            answer: dict[str, Any] = response.json()
            return answer
