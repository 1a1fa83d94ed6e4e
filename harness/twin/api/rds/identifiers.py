"""What callers name things by: well-formed or refused; and the tags they give them.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.twin.calls import AwsError, Call

_FORM = re.compile(r"[a-z](?:-?[a-z0-9])*")


def fresh(call: Call, key: str, *, longest: int = 63) -> str:
    """The identifier that a call gives to something new, in lower case; ``InvalidParameterValue`` if malformed."""
    wanted = str(call.get(key) or "").lower()
    if not _FORM.fullmatch(wanted) or len(wanted) > longest:
        raise AwsError(
            "InvalidParameterValue",
            f"The parameter {key} is not a valid identifier. Identifiers must begin with a letter; must contain only "
            "ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.",
        )
    return wanted


def tags(call: Call) -> Mapping[str, str]:
    """The tags in a call; ``InvalidParameterValue`` for AWS's own prefix."""
    given = {str(each.get("Key", "")): str(each.get("Value", "")) for each in call.get("Tags") or ()}
    if any(not key or key.lower().startswith(("aws:", "rds:")) for key in given):
        raise AwsError("InvalidParameterValue", "Tag keys can't be empty or begin with aws: or rds:.")
    return given
