"""A caching resolver's memory: single links of answers, each until its own TTL has passed."""

from __future__ import annotations

import math
from collections.abc import Callable

from harness.clock import Clock, Instant, seconds
from harness.twin.api.route53.answers import Answer, Chain, Link, chase

Step = Callable[[str, str], Answer]
"""Answers one name and type, CNAMEs not followed."""

_SWEEP = 4096


class ResolverCache:
    """One resolver's cache. Not thread-safe: it belongs to the thread that serves.

    Every link of a CNAME chain lives by its own TTL, so the short TTL of a database endpoint under a long-lived alias
    is honoured. Answers without a link are kept for their negative TTL. What is handed out carries the *remaining*
    TTL in AWS seconds, rounded up.
    """

    def __init__(self, clock: Clock, step: Step) -> None:
        self._clock = clock
        self._step = step
        self._kept: dict[tuple[str, str], tuple[Instant, Answer]] = {}

    def chain(self, name: str, kind: str) -> Chain:
        """The whole answer, from memory as far as it reaches."""
        return chase(lambda each: self._remembered(each, kind), name, kind)

    def _remembered(self, name: str, kind: str) -> Answer:
        now = self._clock.now()
        for key in ((name, "CNAME"), (name, kind)):
            kept = self._kept.get(key)
            if kept is not None and kept[0] > now:
                return _aged(kept[1], math.ceil((kept[0] - now).seconds))
        answer = self._step(name, kind)
        ttl = answer.negative_ttl if answer.link is None else answer.link.ttl
        if ttl > 0:
            if len(self._kept) >= _SWEEP:
                self._kept = {key: kept for key, kept in self._kept.items() if kept[0] > now}
            self._kept[name, kind if answer.link is None else answer.link.kind] = (now + seconds(ttl), answer)
        return answer


def _aged(answer: Answer, left: int) -> Answer:
    link = answer.link
    if link is None:
        return Answer(answer.rcode, None, answer.considered, left)
    return Answer(answer.rcode, Link(link.owner, link.kind, left, link.values), answer.considered, answer.negative_ttl)
