"""What went wrong with a call to AWS, in our own words: AWS's code, what it means, and what to do about it.

botocore does not correct a clock that is wrong: it signs with this machine's time, and AWS refuses what is more than
five minutes off (fifteen for some services). Its retries only estimate the difference for a header that says how long
an attempt may live (``Endpoint._calculate_ttl`` in botocore 1.44). So the difference is told here, from the date that
AWS put on its refusal. A clock that wrong would spoil every date in the record as well, so nothing makes up for it.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
)

from harness.clock import Anchor
from harness.errors import CloudFault

UNREACHABLE = "Unreachable"
NO_CREDENTIALS = "NoCredentials"
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"})
"""AWS's codes for credentials whose time is over; EC2's last one may mean a wrong clock as well."""
SKEWED = frozenset({
    *("RequestTimeTooSkewed", "RequestInTheFuture", "RequestExpired", "SignatureDoesNotMatch"),
    *("InvalidSignatureException", "AuthFailure"),
})  # fmt: skip
"""The codes under which AWS refuses a signature of a wrong time; most have other causes too."""
TOLERATED_SECONDS = 60
"""A clock that is further off is what such a refusal is about."""
_RENEW = "Renew the credentials (e.g. `aws sso login`), then carry on: `gameday undo` first, if a run was under way."


def fault(service: str, region: str, operation: str, error: ClientError | BotoCoreError) -> CloudFault:
    """A failed call as a ``CloudFault`` with AWS's own code, ``Unreachable`` or ``NoCredentials``."""
    where = f"{service}.{operation}"
    if isinstance(error, ClientError):
        return _refusal(where, error)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return CloudFault(where, NO_CREDENTIALS, str(error), "Give this machine credentials for the target's account.")
    if isinstance(error, CredentialRetrievalError | SSOError):
        return CloudFault(where, "ExpiredToken", str(error), _RENEW)
    return CloudFault(f"{where} in {region}", UNREACHABLE, str(error))


def _refusal(where: str, error: ClientError) -> CloudFault:
    told = error.response.get("Error", {})
    code, message = told.get("Code", "Unknown"), told.get("Message", "")
    if error.operation_name == "AssumeRole" and not where.startswith("sts.assume_role"):
        return CloudFault(
            f"{where}, by a role that could not be assumed", code, message,
            "Does the role's trust policy name who we are, and is its external_id right in the target file?",
        )  # fmt: skip
    ahead = _seconds_ahead(error.response.get("ResponseMetadata", {}))
    if code in SKEWED and ahead is not None and abs(ahead) > TOLERATED_SECONDS:
        way = "ahead of" if ahead > 0 else "behind"
        told_of = f"this machine's clock is {abs(ahead):.0f} s {way} AWS's: {message}"
        return CloudFault(where, "RequestTimeTooSkewed", told_of, "Set the clock (e.g. by chrony) and start again.")
    return CloudFault(where, code, message, _RENEW if code in EXPIRED else "")


def _seconds_ahead(metadata: Mapping[str, Any]) -> float | None:
    """How far this machine's clock is ahead of the answer's date; ``None`` without one."""
    headers: Mapping[str, str] = metadata.get("HTTPHeaders", {})
    try:
        date = email.utils.parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        return None
    return Anchor.now().epoch_nanoseconds / 1e9 - date.timestamp()
