"""Does a session that began in one region go on in another?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.judges import addresses
from harness.judges.streams import Flags, good, turn
from harness.record import Record, Traffic
from harness.requests import Outcome
from harness.verdicts import Number, Ruling, Verdict, worst

WITHOUT = ("ponder_events", "ponder_status", "log_in")
"""What carries no token: public reads, and signing in."""
ANSWERED = (Outcome.GOOD, Outcome.WRONG_STATUS, Outcome.WRONG_BODY, Outcome.UNAUTHORIZED)
"""How an arrival ends that somebody answered."""
ENOUGH = 20
"""So many answers must show that a region accepts the token for good: some of its tasks may, and others may not."""


@dataclass(frozen=True)
class Stay:
    """What another region than the one where it signed in answered to one location's session."""

    location: str
    home: str
    away: str
    answers: int
    refused: int
    """How many of them were told 401."""
    ruling: Ruling

    def sentence(self) -> str:
        """What the other region made of the session."""
        told = f"{self.away} refused {self.refused} of {self.answers} answers"
        return f"{told} of {self.location}, signed in at {self.home}"

    def row(self) -> dict[str, Number]:
        """The stay as a row of evidence."""
        return {
            "location": self.location, "signed_in": self.home, "served_by": self.away, "answers": self.answers,
            "refused": self.refused, "ruling": self.ruling.name,
        }  # fmt: skip


def sessions(record: Record) -> Verdict:
    """A token that one region gave is accepted by every other that its holder is sent to.

    Each location signs in once, at the region that serves it first. Only answers to what carries the token count, so
    the public read does not. Definition: of those that another region answered, at most 1 − ``success_ratio`` were told
    401, or it accepted the token for good later: a database that is away makes the service say 401 as well, and an
    outage is :func:`harness.judges.recovery.recovery`'s business, but a wrong secret refuses until the end. UNKNOWN
    when a region refused everything while its public read did not work either, or when no location was served by a
    second region. Units: answers. Source: https://www.rfc-editor.org/rfc/rfc7519 (a token is valid for whoever has
    the secret)
    """
    promise = "sessions"
    stays = [stay for code in range(len(record.header.locations)) for stay in _stays(record, code)]
    figures: dict[str, Number] = {"sessions_moved": len(stays), "refused": sum(stay.refused for stay in stays)}
    if not stays:
        return Verdict(promise, Ruling.UNKNOWN, "no session was taken to a second region", figures)
    ruling = worst(stay.ruling for stay in stays)
    told = max((stay for stay in stays if stay.ruling is ruling), key=lambda stay: stay.refused / stay.answers)
    return Verdict(promise, ruling, told.sentence(), figures, {"sessions": [stay.row() for stay in stays]})


def _stays(record: Record, code: int) -> list[Stay]:
    rows = record.traffic[record.traffic["location"] == code]
    served = addresses.regions_of(record, rows)
    rows, served = rows[served >= 0], served[served >= 0]
    if not len(rows):
        return []
    home, found = int(served[0]), []
    for other in np.unique(served[served != home]).tolist():
        there = rows[served == other]
        answers = there[_carrying(record, there) & np.isin(there["outcome"], ANSWERED)]
        if len(answers):
            refused = int((answers["outcome"] == Outcome.UNAUTHORIZED).sum())
            names = record.header.locations[code], record.header.regions[home], record.header.regions[other]
            found.append(Stay(*names, len(answers), refused, _judge(record, there, answers)))
    return found


def _carrying(record: Record, rows: Traffic) -> Flags:
    """Which arrivals carry a token."""
    operations = record.header.operations
    without = [code for code, operation in enumerate(operations) if operation in WITHOUT]
    mask: Flags = ~np.isin(rows["operation"], without)
    return mask


def _judge(record: Record, there: Traffic, answers: Traffic) -> Ruling:
    objective = record.header.objectives.success_ratio
    accepted: Flags = answers["outcome"] != Outcome.UNAUTHORIZED
    if float(accepted.mean()) >= objective:
        return Ruling.KEPT
    found = turn(answers["intended"], accepted, objective)
    if found is not None:
        return Ruling.KEPT if len(accepted) - found.index >= ENOUGH else Ruling.UNKNOWN
    public = there[~_carrying(record, there)]
    works = good(record, public) | (public["outcome"] == Outcome.UNAUTHORIZED)
    away = not accepted.any() and len(public) > 0 and not works.any()
    return Ruling.UNKNOWN if away else Ruling.BROKEN
