"""Route 53's request limit: five requests a second for the whole account, in AWS time.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-requests
"""

from __future__ import annotations

import threading

from harness.clock import Clock
from harness.twin.calls import AwsError

REQUESTS_PER_SECOND = 5.0


class Throttle:
    """A bucket of five requests that refills at five an AWS second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._left = REQUESTS_PER_SECOND
        self._at = clock.now()

    def take(self) -> None:
        """Count one request; raises ``Throttling`` when there were too many."""
        with self._lock:
            now = self._clock.now()
            self._left = min(REQUESTS_PER_SECOND, self._left + (now - self._at).seconds * REQUESTS_PER_SECOND)
            self._at = now
            if self._left < 1:
                raise AwsError("Throttling", "Rate exceeded", 400)
            self._left -= 1
