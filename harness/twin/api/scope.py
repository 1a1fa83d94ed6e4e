"""Whom a request is from and where it goes, by its signature's credential scope; and AWS's refusals of bad ones.

The signature itself is not checked: the twin knows no secrets.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from harness.twin.api.audit import Caller
from harness.twin.api.wire import Request
from harness.twin.calls import AwsError

_SIGNING_NAMES = {"monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi", "elasticloadbalancing": "elbv2"}
_ALGORITHM = "AWS4-HMAC-SHA256"
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/(\d{8})/([^/,\s]*)/([^/,\s]*)/([^/,\s&]+)")
_REGION = re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d{1,2}|aws-global")
_SERVICE = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_JSON_CODES = {
    "IncompleteSignature": ("IncompleteSignatureException", 400),
    "MissingAuthenticationToken": ("MissingAuthenticationTokenException", 400),
    "SignatureDoesNotMatch": ("InvalidSignatureException", 400),
}
_EC2_CODES = {
    "IncompleteSignature": ("AuthFailure", 401),
    "MissingAuthenticationToken": ("AuthFailure", 401),
    "SignatureDoesNotMatch": ("AuthFailure", 401),
}


@dataclass(frozen=True)
class Scope:
    """Caller, region and service (botocore's name); ``error`` says what is wrong with the signature, if anything is.

    ``service`` is empty when nothing tells it.
    """

    caller: Caller
    region: str
    service: str
    error: AwsError | None = None

    def refusal(self, protocol: str) -> AwsError | None:
        """``error`` with the code and status that services of this protocol give it."""
        if self.error is None:
            return None
        codes = _EC2_CODES if protocol == "ec2" else _JSON_CODES if "json" in protocol else {}
        code, status = codes.get(self.error.code, (self.error.code, self.error.status))
        return AwsError(code, self.error.message, status)


def scope(request: Request) -> Scope:
    """The scope of a request signed in its header or, presigned, in its query string."""
    agent = request.headers.get("user-agent", "")
    authorization = request.headers.get("authorization")
    presigned = dict(parse_qsl(request.query, keep_blank_values=True)) if authorization is None else {}
    if authorization is None and "X-Amz-Credential" not in presigned:
        missing = AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
        return Scope(Caller("anonymous", agent), "unknown", "", missing)
    match = _CREDENTIAL.search(authorization or f"Credential={presigned['X-Amz-Credential']}")
    if match is None:
        return Scope(Caller("anonymous", agent), "unknown", "", _incomplete("'Credential' parameter"))
    key, _, region, signing_name, terminator = match.groups()
    known = _SERVICE.fullmatch(signing_name) is not None
    service = _SIGNING_NAMES.get(signing_name, signing_name) if known else ""
    where = region if _REGION.fullmatch(region) else "unknown"
    return Scope(Caller(key, agent), where, service, _problem(authorization, region, known, terminator))


def _problem(authorization: str | None, region: str, known: bool, terminator: str) -> AwsError | None:
    if authorization is not None:
        if not authorization.startswith(f"{_ALGORITHM} "):
            return _incomplete(f"the algorithm {_ALGORITHM}")
        for part in ("SignedHeaders", "Signature"):
            if f"{part}=" not in authorization:
                return _incomplete(f"'{part}' parameter")
    if not known:
        return _mismatch("Credential should be scoped to correct service.")
    if not _REGION.fullmatch(region):
        return _mismatch(f"Credential should be scoped to a valid region, not '{region[:64]}'.")
    if terminator != "aws4_request":
        return _mismatch("Credential should be scoped with a valid terminator: 'aws4_request'.")
    return None


def _incomplete(what: str) -> AwsError:
    return AwsError("IncompleteSignature", f"Authorization header requires {what}.", 400)


def _mismatch(message: str) -> AwsError:
    return AwsError("SignatureDoesNotMatch", message, 403)
