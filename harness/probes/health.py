"""What Route 53 makes of an endpoint, counted from what its checkers say they saw.

Its API tells each checker's last probe, not the conclusion; the conclusion's metric is a minute coarse. So the rule
is applied here: a checker turns after ``threshold`` probes in a row, an endpoint is healthy while more than 18 % of the
checkers hold it to be. Source:
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from harness.clock import Instant

HEALTHY_SHARE = 0.18


@dataclass(frozen=True)
class Probed:
    """One probe of an endpoint by one checker."""

    checker: str
    at: Instant
    success: bool


@dataclass(frozen=True)
class Turned:
    """The endpoint's health changed by the probe that ended at this instant."""

    at: Instant
    healthy: bool


@dataclass(frozen=True)
class _Opinion:
    at: Instant
    healthy: bool = True
    against: int = 0

    def after(self, probe: Probed, threshold: int) -> _Opinion:
        if probe.success == self.healthy:
            return replace(self, at=probe.at, against=0)
        if self.against + 1 >= threshold:
            return _Opinion(probe.at, not self.healthy)
        return replace(self, at=probe.at, against=self.against + 1)


class Endpoint:
    """One health check as its checkers see it. A new one counts as healthy, as Route 53 has it."""

    def __init__(self, threshold: int) -> None:
        self._threshold = threshold
        self._opinions: dict[str, _Opinion] = {}
        self.healthy = True

    def take(self, probes: Iterable[Probed]) -> list[Turned]:
        """Take in each checker's last probe, known ones again being harmless; returns how the health turned.

        A probe that came and went between two looks is not counted: look at least once in a checker's interval.
        """
        turns = []
        for probe in sorted(probes, key=lambda one: one.at):
            known = self._opinions.get(probe.checker)
            if known is not None and probe.at <= known.at:
                continue
            before = known or _Opinion(probe.at)
            self._opinions[probe.checker] = before.after(probe, self._threshold)
            if self._agreed() != self.healthy:
                self.healthy = not self.healthy
                turns.append(Turned(probe.at, self.healthy))
        return turns

    def _agreed(self) -> bool:
        opinions = self._opinions.values()
        return sum(one.healthy for one in opinions) > HEALTHY_SHARE * len(opinions)
