"""Changes on their way to Route 53's name servers: PENDING at first, INSYNC and in force within 60 seconds.

https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetChange.html
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.clock import Clock, Instant, seconds
from harness.twin.api.route53.records import bare
from harness.twin.api.route53.zones import Zone
from harness.twin.calls import AwsError
from harness.twin.schedule import Scheduler

FASTEST, SLOWEST = 5.0, 60.0
"""The range of a change's way to every name server, in AWS seconds; AWS: generally within 60 seconds."""


@dataclass(frozen=True)
class Submission:
    """One accepted batch and the moment at which every name server has it."""

    identifier: str
    submitted: Instant
    insync: Instant
    comment: str | None

    def shape(self, now: Instant) -> dict[str, Any]:
        """botocore's ``ChangeInfo`` as of ``now``."""
        shape: dict[str, Any] = {
            "Id": f"/change/{self.identifier}",
            "Status": "INSYNC" if now >= self.insync else "PENDING",
            "SubmittedAt": self.submitted.datetime,
        }
        return shape | ({"Comment": self.comment} if self.comment else {})


class Propagation:
    """Carries zones to the name servers in the order of their batches; ``serve`` puts one in force."""

    def __init__(self, clock: Clock, scheduler: Scheduler, serve: Callable[[Zone], object], seed: int) -> None:
        self._clock = clock
        self._scheduler = scheduler
        self._serve = serve
        self._random = random.Random(f"route53-propagation-{seed}")
        self._lock = threading.Lock()
        self._changes: dict[str, Submission] = {}
        self._latest = clock.now()
        self._served = 0

    def submit(self, zone: Zone, comment: str | None) -> Submission:
        """Send a zone on its way; it never overtakes an earlier one."""
        with self._lock:
            now = self._clock.now()
            self._latest = max(self._latest, now + seconds(self._random.uniform(FASTEST, SLOWEST)))
            number = len(self._changes) + 1
            change = Submission(f"C{self._random.getrandbits(64):016X}{number:04d}", now, self._latest, comment)
            self._changes[change.identifier] = change
        self._scheduler.at(change.insync, lambda: self._arrive(number, zone), f"route53 change {change.identifier}")
        return change

    def get(self, identifier: str) -> Submission:
        """A change by its id; raises ``NoSuchChange``."""
        with self._lock:
            change = self._changes.get(bare(identifier))
        if change is None:
            raise AwsError("NoSuchChange", f"A change with the specified change ID {identifier} does not exist.", 404)
        return change

    def _arrive(self, number: int, zone: Zone) -> None:
        with self._lock:
            if number > self._served:  # workers may run two arrivals in either order
                self._served = number
                self._serve(zone)
