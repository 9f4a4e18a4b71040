"""Push subscriptions: POSTs deliveries to an endpoint and takes the HTTP status as the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import grpc
import httpx

from .backlog import Load, Room
from .encoders import Encoder, PushRequest, encode_unwrapped, encode_wrapped
from .outlet import Outlet, new_holder
from .resources import ENCODER_ATTRIBUTE, Delivery, PushTarget

ACK_STATUSES: Final = frozenset({102, 200, 201, 202, 204})
"""Source: https://cloud.google.com/pubsub/docs/push#receive_push"""

MAX_IN_FLIGHT: Final = 32
_LEASE_SLACK_S: Final = 30.0

SignOidc = Callable[[str, str], str]
"""(service account e-mail, audience) -> signed OIDC token."""

log = logging.getLogger(__name__)


class Pusher:
    """The consumer of one push subscription; at most `MAX_IN_FLIGHT` requests run at once, one per ordering key.

    Args:
        encoders: by the name that the push configuration's attribute `ENCODER_ATTRIBUTE` gives.
    """

    def __init__(
        self,
        outlet: Outlet,
        target: PushTarget,
        *,
        http: httpx.AsyncClient,
        encoders: Mapping[str, Encoder],
        sign_oidc: SignOidc | None,
    ) -> None:
        self.caller = "pubsub"
        self.is_open = True
        self.holder = new_holder()
        self.target = target
        self._outlet = outlet
        self._http = http
        self._encoders = encoders
        self._sign_oidc = sign_oidc
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def deadline_s(self) -> float:
        """Longer than any request takes: the request's own timeout is the ack deadline."""
        return self._outlet.subscription.ack_deadline_s + _LEASE_SLACK_S

    def room(self, load: Load) -> Room:
        """As many as may still be in flight."""
        return Room(MAX_IN_FLIGHT - load.messages, 64_000_000, run=1)

    def accept(self, deliveries: Sequence[Delivery]) -> None:
        """Each is on its way."""
        for delivery in deliveries:
            task = asyncio.get_running_loop().create_task(self._push(delivery))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def refuse(self, delivery: Delivery, _status: grpc.StatusCode) -> None:
        """It failed as if the endpoint had answered so."""
        self._outlet.modify([delivery.ack_id], 0)

    def break_off(self, _status: grpc.StatusCode, _message: str) -> None:
        """Nothing more is sent; requests under way are cut."""
        for task in self._tasks:
            task.cancel()

    async def _push(self, delivery: Delivery) -> None:
        try:
            is_taken = await self._post(delivery)
        except Exception:  # an encoder's or the signer's fault must not end delivery
            log.exception("push of message %s to %s failed", delivery.message.id, self.target.endpoint)
            is_taken = False
        if is_taken and delivery.breaks_after is None:
            self._outlet.ack([delivery.ack_id])
        else:
            self._outlet.modify([delivery.ack_id], 0)

    async def _post(self, delivery: Delivery) -> bool:
        request = self._encode(delivery)
        timeout_s = float(self._outlet.subscription.ack_deadline_s)
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._http.post(
                    self.target.endpoint, content=request.body, headers=self._headers(request)
                )
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            log.info("push to %s: %s", self.target.endpoint, error or type(error).__name__)
            return False
        return response.status_code in ACK_STATUSES

    def _encode(self, delivery: Delivery) -> PushRequest:
        fallback = encode_unwrapped if self.target.is_unwrapped else encode_wrapped
        name = self.target.attributes.get(ENCODER_ATTRIBUTE)
        encoder = fallback if name is None else self._encoders[name]
        return encoder(self._outlet.subscription, delivery.message, delivery.attempt)

    def _headers(self, request: PushRequest) -> dict[str, str]:
        headers = {
            "user-agent": "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)"
        } | request.headers
        if self._sign_oidc and self.target.oidc_email:
            audience = self.target.oidc_audience or self.target.endpoint
            headers["authorization"] = f"Bearer {self._sign_oidc(self.target.oidc_email, audience)}"
        return headers
