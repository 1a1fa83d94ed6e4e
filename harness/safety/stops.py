"""Stop conditions: what ends an experiment at once, while it goes on. Each is a sight in words, or ``None``.

They are looked at whenever something is waited for. The first that is met goes on the timeline and ends the experiment
by ``Aborted``: what was done is undone, the run's outcome is aborted, and no further scenario begins.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from harness.clock import Clock, Duration, seconds
from harness.errors import Aborted
from harness.events import Stopped
from harness.target import StopConditions
from harness.timeline import Timeline

Look = Callable[[], str | None]


class Stops:
    """The conditions of one experiment, by name. ``met`` is the one that ended it, in words; empty while none did."""

    def __init__(self, looks: Mapping[str, Look], clock: Clock, timeline: Timeline) -> None:
        self._looks = looks
        self._clock = clock
        self._timeline = timeline
        self.met = ""

    def check(self) -> None:
        """Look at each. Raises ``Aborted`` for the first that is met, after it was put on the timeline."""
        for name, look in self._looks.items():
            sight = look()
            if sight is not None:
                self.met = f"stop condition {name}: {sight}"
                self._timeline.add(Stopped(self._clock.now(), name, sight))
                raise Aborted(f"{self.met}; the experiment ends here and is undone.")


def ringing(named: Collection[str], states: Mapping[tuple[str, str], str]) -> str | None:
    """The named alarms that ring; ``states`` by region and name. One that nobody sees now does not ring."""
    found = [f"{name} in {region}" for (region, name), state in states.items() if name in named and state == "ALARM"]
    return f"alarm {', '.join(found)} rings" if found else None


def failing(limit: StopConditions, ended: int, bad: int, watched: Duration) -> str | None:
    """Whether too many of the requests fail that should not notice: ``bad`` of ``ended`` within ``for_seconds``.

    Said only once they were ``watched`` for that long. Without a limit, or without such requests, never.
    """
    if limit.error_ratio is None or not ended or watched < seconds(limit.for_seconds):
        return None
    if bad / ended <= limit.error_ratio:
        return None
    return (
        f"{bad} of {ended} requests that should not notice failed in {limit.for_seconds:g} s, "
        f"more than {limit.error_ratio:.0%}"
    )
