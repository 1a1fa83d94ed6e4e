"""Load generators that wait for a run.

Starting Locust takes a second of a processor. A reserve starts the next run's generators while the last one is judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.generators import Generator, LoadPlace
from harness.outposts import Outpost


class Reserve:
    """Generators that wait for the next run. ``folder`` holds their logs until they begin."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: dict[LoadPlace, Generator] = {}

    def fill(self, places: Sequence[LoadPlace]) -> None:
        """Have one wait in each of these places; returns at once."""
        for place in places:
            if place not in self._waiting:
                self._waiting[place] = self._new(place)

    def take(self, place: LoadPlace) -> Generator:
        """One for that place: that which waits, or a new one. From now on it is the taker's to end."""
        waiting = self._waiting.pop(place, None)
        if waiting is not None and not waiting.running:
            waiting.dismiss()
            waiting = None
        return waiting or self._new(place)

    def dismiss(self) -> None:
        """End all that wait. Safe to call at any time."""
        while self._waiting:
            self._waiting.popitem()[1].dismiss()

    def _new(self, place: LoadPlace) -> Generator:
        kind = Outpost if place.python else Generator
        return kind(place, self._folder / f"waiting-{place.name}.log")
