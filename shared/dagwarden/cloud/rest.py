"""Google's JSON APIs that have no client of their own here: one request, tried again while that may help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagwarden.cloud.failures import mapped
from dagwarden.cloud.reach import make_retrying, make_timeouts
from dagwarden.settings import Settings

if TYPE_CHECKING:
    from google.auth.transport.requests import AuthorizedSession


class Rest:
    """Requests in the name of one identity."""

    def __init__(self, session: AuthorizedSession, settings: Settings) -> None:
        from google.cloud.storage.retry import DEFAULT_RETRY

        self.universe = str(session.credentials.universe_domain)
        self._session = session
        self._retrying = make_retrying(DEFAULT_RETRY, settings)
        self._timeouts = make_timeouts(settings)

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
        with mapped(operation, subject):
            answer: dict[str, Any] = self._retrying(self._ask_once)(method, url, body)
            return answer

    def _ask_once(self, method: str, url: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        from google.api_core.exceptions import Conflict, PreconditionFailed, from_http_response

        response = self._session.request(method, url, json=body, timeout=self._timeouts)
        if response.status_code == Conflict.code:
            raise PreconditionFailed(response.text[:200])
        if response.status_code >= 400:
            raise from_http_response(response)
        answer: dict[str, Any] = response.json()
        return answer
