"""The gate's side of validation: asks the validator what a push would do to the tree."""

from __future__ import annotations

from functools import cached_property

from dagwarden.cloud.clients import Cloud
from dagwarden.cloud.functions import FunctionCaller
from dagwarden.handlers.offer import Offer
from dagwarden.names import ReleaseNumber
from dagwarden.push.archive import UnpackLimits
from dagwarden.validate.import_rules import find
from dagwarden.validate.report import ValidateSettings
from dagwarden.validate.request import ValidateAnswer, ValidateRequest, audience_of
from dagwarden.wire import decode, encode


class Validation:
    """Calls the validator that the settings name."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def ask(
        self, offer: Offer, base: ReleaseNumber, *, limits: UnpackLimits, settings: ValidateSettings
    ) -> ValidateAnswer:
        """What the validator says of an offer on top of a release; where there is no validator, a finding that denies.

        Raises:
            PreconditionFailed: the validator has seen a newer release.
            Transient: it does not answer.
            Permanent: it cannot be asked.
        """
        if not self._cloud.settings.validate_url:
            return ValidateAnswer(base=base, findings=(find("validator-missing", ""),))
        request = ValidateRequest(
            environment=offer.environment,
            base=base,
            event=offer.event,
            limits=limits,
            settings=settings,
        )
        return decode(ValidateAnswer, self._caller.post(encode(request)), subject=self._caller.url)

    @cached_property
    def _caller(self) -> FunctionCaller:
        settings = self._cloud.settings
        return FunctionCaller(
            settings.validate_url,
            audience_of(settings.project),
            self._cloud.signer,
            timeout_s=settings.validate_timeout_s,
        )
