"""Outages that are known beforehand: what fails, where, and from which millisecond to which.

The truth of an outage is defined per kind, from the side of a client: it lasts from its beginning to the first moment
from which a request is answered well within its deadline. For all kinds but one that is when the service is back. A
service that stalls answers in the end whatever it was asked, so that requests are well again one deadline earlier.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

MILLISECOND = 1_000_000

KINDS = (
    "hang",  # no answer, ever
    "reset",  # connections break, old ones and new ones
    "refuse",  # nobody listens
    "status",  # 500
    "body",  # 200 with an empty list
    "slow",  # the right answer, later than the deadline
    "stall",  # answers wait for the end of the outage
    "half",  # every second request fails
    "one_location",  # clients of one place alone meet it
    "flapping",  # down, up, down, up, down
)
_PLAIN = ("hang", "reset", "status", "body")


@dataclass(frozen=True)
class Outage:
    """One outage. Times in ns from the beginning of the schedule."""

    number: int
    kind: str
    manner: str
    """What the service does while it is down; for most kinds the kind itself."""
    sites: tuple[int, ...]
    """The places whose clients meet it."""
    parts: tuple[tuple[int, int], ...]
    """From when to when it is down; more than one part when it flaps."""

    @property
    def began(self) -> int:
        """When it begins."""
        return self.parts[0][0]

    @property
    def ended(self) -> int:
        """When the service is back for good."""
        return self.parts[-1][1]

    def truth(self, site: int, deadline: int) -> int:
        """How long clients at ``site`` are without service, in ns; 0 where they do not meet it."""
        if site not in self.sites:
            return 0
        back = self.ended - deadline if self.manner == "stall" else self.ended
        return max(0, back - self.began)


def schedule(count: int, seed: int, sites: int, deadline: int, calm: int) -> tuple[Outage, ...]:
    """``count`` outages of every kind in turn, each 0.3 to 3 s long, ``calm`` ns apart, all at whole milliseconds."""
    dice = random.Random(seed)
    found, at = [], calm
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        span = round(300 * 10 ** dice.random()) * MILLISECOND
        manner, where = kind, tuple(range(sites))
        if kind == "one_location":
            manner, where = dice.choice(_PLAIN), (dice.randrange(sites),)
        elif kind == "flapping":
            manner = dice.choice(("status", "reset", "hang"))
        elif kind == "stall":
            span = max(span, deadline + 300 * MILLISECOND)
        found.append(Outage(number, kind, manner, where, _parts(kind, at, span, dice)))
        at += span + calm + dice.randrange(200) * MILLISECOND
    return tuple(found)


def _parts(kind: str, at: int, span: int, dice: random.Random) -> tuple[tuple[int, int], ...]:
    if kind != "flapping":
        return ((at, at + span),)
    cuts = [round(span * share / MILLISECOND) * MILLISECOND for share in (0.2, 0.4, 0.6, 0.8)]
    edges = [at, *(at + cut + dice.randrange(-20, 20) * MILLISECOND for cut in cuts), at + span]
    return tuple((edges[n], edges[n + 1]) for n in (0, 2, 4))


def to_json(outages: Sequence[Outage]) -> list[dict[str, Any]]:
    """Plain JSON values."""
    return [asdict(one) for one in outages]


def from_json(values: Sequence[Mapping[str, Any]]) -> tuple[Outage, ...]:
    """The inverse of :func:`to_json`."""
    return tuple(
        Outage(
            number=one["number"],
            kind=one["kind"],
            manner=one["manner"],
            sites=tuple(one["sites"]),
            parts=tuple((began, ended) for began, ended in one["parts"]),
        )
        for one in values
    )
