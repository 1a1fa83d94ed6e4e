"""How often TestFailover may be called.

Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_TestFailover.html: a customer may test
"up to 15 shards in any rolling 24-hour period".
"""

from __future__ import annotations

import threading
from collections import deque

from harness.clock import Instant, seconds
from harness.twin.calls import AwsError

TESTS_A_DAY = 15
_DAY = seconds(24 * 3600)


class Quota:
    """The account's test failovers of the last 24 hours of AWS time, over all its groups; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: deque[Instant] = deque()

    def take(self, now: Instant) -> None:
        """Count one test; raises ``AwsError`` APICallRateForCustomerExceeded when the last day had its fifteen."""
        with self._lock:
            while self._taken and now - self._taken[0] >= _DAY:
                self._taken.popleft()
            if len(self._taken) >= TESTS_A_DAY:
                raise AwsError(
                    "APICallRateForCustomerExceeded",
                    f"The customer has exceeded the allowed rate of API calls: {TESTS_A_DAY} test failovers a day.",
                )
            self._taken.append(now)
