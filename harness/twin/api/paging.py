"""Lists in pages, as AWS hands them out: an opaque token leads on, a wrong one is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from harness.twin.calls import AwsError

Item = TypeVar("Item")


def page(
    items: Sequence[Item], token: str | None, size: int | None, *, error: str = "InvalidParameterValue"
) -> tuple[list[Item], str | None]:
    """The page that ``token`` leads to and the token of the next one, ``None`` at the end.

    ``size`` ``None`` means everything that is left. Raises ``AwsError`` of code ``error`` for a token nobody gave.
    """
    if token is not None and not (token.isdigit() and int(token) <= len(items)):
        raise AwsError(error, f"The specified token {token!r} is not valid.")
    first = int(token) if token is not None else 0
    last = len(items) if size is None else min(len(items), first + size)
    return list(items[first:last]), str(last) if last < len(items) else None
