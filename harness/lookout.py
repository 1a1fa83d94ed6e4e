"""What is looked at while a scenario waits: how the traffic fares now, told once a second, and until when to wait."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from harness.clock import Clock, Duration, Instant, seconds
from harness.console import Console
from harness.errors import Aborted, OutOfPatience
from harness.experiment import Experiment
from harness.load import Glance, Load
from harness.safety import notices, stops
from harness.safety.keys import STOP, Keys
from harness.safety.stops import Stops

LOOK = seconds(1)
RECENT = seconds(5)
"""How far back a glance at the traffic goes."""


class Lookout:
    """Waits and looks meanwhile. Every wait raises ``Aborted`` when a stop condition is met or traffic died.

    ``ours`` raises it, too: when the environment is no longer ours, or somebody ended the session.
    """

    def __init__(
        self, clock: Clock, console: Console, success_ratio: float, ours: Callable[[], None] = lambda: None
    ) -> None:
        self._clock = clock
        self._console = console
        self._success_ratio = success_ratio
        self._ours = ours
        self._load: Load | None = None
        self._loaded_since = self._telling_from = clock.now()
        self._stops: Stops | None = None

    def on(self, load: Load | None) -> None:
        """This is the traffic from now on; ``None``: there is none."""
        self._load = load
        self._loaded_since = self._clock.now()

    @contextmanager
    def heeding(self, experiment: Experiment, keys: Keys, home: Path) -> Iterator[Stops]:
        """Look at this experiment's stop conditions, too, until the block is left. ``home``: the checkout."""
        wanted = experiment.estate.target.stop
        looks: Mapping[str, stops.Look] = {
            "key": keys.pressed,
            "file": lambda: _posted(home / wanted.file),
            "alarm": lambda: stops.ringing(wanted.alarms, experiment.observers.sight.stops),
            "errors": lambda: self._noticing(experiment),
        }
        self._stops = Stops(looks, self._clock, experiment.timeline)
        if keys.listening:
            self._console.offer = f"{STOP.decode()} stops the experiment and undoes it"
            self._console.say("keys", self._console.offer)
        try:
            yield self._stops
        finally:
            self._stops, self._console.offer = None, ""

    def blind_until(self, instant: Instant) -> None:
        """Before that, requests that met the last fault may not have ended yet: nothing can be told."""
        self._telling_from = instant

    def until(self, what: str, look: Callable[[], str | None], patience: Duration) -> None:
        """Wait until ``look`` sees nothing wrong; raises ``OutOfPatience`` that quotes the last sight."""
        sight = "nothing yet"
        for _ in self._clock.every(LOOK, patience):
            self.check()
            seen = look()
            if seen is None:
                return
            sight = seen
            self._console.glance(f"waiting for {what}: {sight}", self.rates())
        raise OutOfPatience(what, sight)

    def span(self, span: Duration) -> None:
        """Wait for ``span``."""
        until = self._clock.now() + span
        while self._clock.now() < until:
            self.check()
            self._console.glance("", self.rates())
            self._clock.sleep(min(LOOK, until - self._clock.now()))

    def watch(self, sight: str) -> None:
        """While somebody else waits: tell what they see beside the traffic."""
        self.check()
        self._console.glance(sight, self.rates())

    def check(self) -> None:
        """Raises ``Aborted`` when a stop condition is met, the traffic died, or the session is over."""
        self._ours()
        if self._stops is not None:
            self._stops.check()
        if self._load is not None and self._load.dead():
            raise Aborted(f"traffic from {', '.join(self._load.dead())} died.", "See load-*.log in the run's folder.")

    def rates(self) -> str:
        """Each location's traffic in words."""
        return "  ".join(
            f"{name} {glance.arrivals_per_second:.1f}/s, {glance.bad_per_second:.1f} bad"
            for name, glance in self._glances().items()
        )

    def failing(self) -> str | None:
        """Where requests fail now beyond what the objective allows; ``None`` when nowhere, or without traffic."""
        if self._load is None:
            return None
        if self._clock.now() < self._telling_from:
            return "too soon to tell: what the fault met is still under way"
        for name, glance in self._glances().items():
            total = glance.arrivals_per_second
            if total == 0 or glance.bad_per_second > (1 - self._success_ratio) * total:
                return f"{name}: {glance.bad_per_second:.1f} of {total:.1f} requests/s fail"
        return None

    def answered(self) -> Mapping[str, Collection[str]]:
        """The addresses that answered each location well lately."""
        return {name: glance.addresses.keys() for name, glance in self._glances().items()}

    def _noticing(self, experiment: Experiment) -> str | None:
        """Whether what the scenario calls undisturbed fails beyond the target file's limit."""
        limit, undisturbed = experiment.estate.target.stop, experiment.header.undisturbed
        if self._load is None or limit.error_ratio is None or not undisturbed:
            return None
        ended, bad = self._load.counted(
            seconds(limit.for_seconds), lambda place, name: any(one.matches(place, name) for one in undisturbed)
        )
        return stops.failing(limit, ended, bad, self._clock.now() - self._loaded_since)

    def _glances(self) -> dict[str, Glance]:
        return dict(self._load.glance(RECENT)) if self._load is not None else {}


def _posted(path: Path) -> str | None:
    told = notices.posted(path)
    return None if told is None else f"{path} is there: {told}"
