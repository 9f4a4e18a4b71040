"""The pusher's attestation: a JWT over the push id, signed as a service account, which says who pushes."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dagwarden.errors import AccessDenied, InvalidInput
from dagwarden.names import EnvironmentName, PushId, audience
from dagwarden.policy.verdict import Principal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ATTESTATION = "dagwarden-attestation"
"""Custom metadata of the push object that carries the JWT."""

LIFETIME = dt.timedelta(minutes=10)
MAX_LIFETIME = dt.timedelta(hours=1)
CLOCK_SKEW = dt.timedelta(seconds=60)
MAX_JWT_CHARS = 6_000
"""Source: Cloud Storage, "Quotas": 8 KiB of custom metadata for an object; ours is not alone in it."""

ATTESTED_BY_JWT = "jwt"

_SERVICE_ACCOUNT = re.compile(r"[a-z0-9][-a-z0-9]{0,62}@[a-z0-9][-a-z0-9.]{0,190}\.gserviceaccount\.com")
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_REQUIRED = ("iss", "sub", "aud", "iat", "exp", "push_id")


def make_claims(
    service_account: str, push_id: PushId, environment: EnvironmentName, now: dt.datetime
) -> dict[str, str | int]:
    """What the pusher signs: that this service account offers this push to this environment, now."""
    return {
        "iss": service_account,
        "sub": service_account,
        "aud": audience(environment),
        "iat": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
        "push_id": push_id,
    }


def verify_attestation(
    jwt_text: str,
    push_id: PushId,
    environment: EnvironmentName,
    key_of: Callable[[str, str], RSAPublicKey | None],
    at: dt.datetime,
) -> Principal:
    """Who signed for this push.

    An attestation that is copied gains nothing: it is for one push id, and a push id is released once.

    Args:
        key_of: the public key of a service account by its id, None when it has none such; raises Transient when it
            cannot be asked.
        at: when the push object was complete in the inbox, so that an event delivered late denies nobody.

    Raises:
        InvalidInput: the text is no attestation at all.
        AccessDenied: it is one, but does not hold: forged, for something else, or out of its time.
    """
    return verify_claims(jwt_text, {"aud": audience(environment), "push_id": push_id}, key_of, at)[0]


def verify_claims(
    jwt_text: str, wanted: Mapping[str, str], key_of: Callable[[str, str], RSAPublicKey | None], at: dt.datetime
) -> tuple[Principal, dict[str, Any]]:
    """Who signed, and all that was signed; see `verify_attestation`.

    Args:
        wanted: `aud`, `push_id`: what must be signed.

    Raises:
        InvalidInput: the text is no attestation at all.
        AccessDenied: it is one, but does not hold.
    """
    issuer, key_id = _read_issuer(jwt_text)
    key = key_of(issuer, key_id)
    if key is None:
        raise _deny(issuer, f"the service account has no key {key_id}")
    claims = _verify(jwt_text, key, issuer, wanted["aud"])
    if claims["sub"] != issuer:
        raise _deny(issuer, "signs for another subject than itself")
    if claims["push_id"] != wanted["push_id"]:
        raise _deny(issuer, "signs another push")
    if type(claims["iat"]) is not int or type(claims["exp"]) is not int:
        raise _refuse("its times are no whole seconds")
    check_times(issuer, claims["iat"], claims["exp"], at)
    return Principal(name=issuer, attested_by=ATTESTED_BY_JWT, key_id=key_id), claims


def _read_issuer(jwt_text: str) -> tuple[str, str]:
    """Whom to ask for which key. Nothing here is believed; it is only made safe to ask with."""
    import jwt

    if len(jwt_text) > MAX_JWT_CHARS:
        raise _refuse(f"{len(jwt_text):,} characters are too many")
    try:
        header = jwt.get_unverified_header(jwt_text)
        issuer = jwt.decode(jwt_text, options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise _refuse("it is no JWT") from error
    key_id = header.get("kid")
    if header.get("alg") != "RS256":
        raise _refuse("it is not signed with RS256")
    if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
        raise _refuse("it names no key")
    if not isinstance(issuer, str) or not _SERVICE_ACCOUNT.fullmatch(issuer):
        raise _refuse("its issuer is no service account")
    return issuer, key_id


def _verify(jwt_text: str, key: RSAPublicKey, issuer: str, for_whom: str) -> dict[str, Any]:
    """The claims, the signature checked. Times are ours to check: PyJWT knows no clock but this machine's."""
    import jwt

    options: jwt.types.Options = {
        "require": list(_REQUIRED),
        "verify_exp": False,
        "verify_iat": False,
        "verify_nbf": False,
        "strict_aud": True,
    }
    try:
        return jwt.decode(jwt_text, key, algorithms=["RS256"], audience=for_whom, issuer=issuer, options=options)
    except jwt.InvalidAudienceError as error:
        raise _deny(issuer, f"is not for {for_whom}") from error
    except jwt.MissingRequiredClaimError as error:
        raise _refuse(f"the claim {error.claim} is missing") from error
    except jwt.InvalidSignatureError as error:
        raise _deny(issuer, "the signature does not hold") from error
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise _refuse("its claims are none of ours") from error


def check_times(issuer: str, issued_s: int, expires_s: int, at: dt.datetime) -> None:
    """Nothing happens when what somebody signed for some time was in force at `at`, give or take a little.

    Args:
        issued_s: seconds since 1970; so is `expires_s`.

    Raises:
        AccessDenied: it was not yet, or no more, or is for longer than anything may be.
    """
    at_s = at.timestamp()
    if expires_s - issued_s > MAX_LIFETIME.total_seconds():
        raise _deny(issuer, f"lives longer than {MAX_LIFETIME}")
    if issued_s > at_s + CLOCK_SKEW.total_seconds():
        raise _deny(issuer, "is from the future: check the pusher's clock")
    if expires_s < at_s - CLOCK_SKEW.total_seconds():
        raise _deny(issuer, f"had expired {at_s - expires_s:.0f} s before the push arrived")


def _refuse(why: str) -> InvalidInput:
    return InvalidInput(f"no attestation: {why}", operation="verify attestation")


def _deny(issuer: str, why: str) -> AccessDenied:
    return AccessDenied(
        f"the attestation of {issuer} {why}", operation="verify attestation", hint="push again, as who you are"
    )
