"""One fault's life: planned → armed → active → undone, or stuck. What begins here is undone here, however it ends."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum
from types import TracebackType

from harness.clock import Instant, seconds
from harness.cloud import undoing
from harness.cloud.carriers.carrier import Carrier, Proof
from harness.cloud.estate import Estate
from harness.errors import GamedayError, Ineffective, UndoFailed
from harness.faults import Arrangement, Fault, title
from harness.timeline import Event, FaultInjected, FaultUndone, Noted, Timeline
from harness.undo import Act, Armed, Journal

_LOG = logging.getLogger("gameday.injection")
_LOOK = seconds(0.5)


class Stage(Enum):
    """Where an injection stands."""

    PLANNED = "planned"
    ARMED = "armed"
    ACTIVE = "active"
    UNDONE = "undone"
    STUCK = "stuck"


class Injection:
    """A context: on entry the fault bites, proven; on exit it is undone, proven.

    Entry raises ``Ineffective`` when it did not bite in time (and is undone by then). Exit raises ``UndoFailed`` when
    the world is not back; the journal then still holds what is left. ``tell`` hears each step for the terminal.
    """

    def __init__(
        self, fault: Fault | Arrangement, carrier: Carrier, estate: Estate, journal: Journal, timeline: Timeline,
        tell: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        self.fault = fault
        self.carrier = carrier
        self.stage = Stage.PLANNED
        self._estate = estate
        self._journal = journal
        self._timeline = timeline
        self._tell = tell
        self._armed: list[Armed] = []

    def __enter__(self) -> Injection:
        self.carrier.__enter__()
        try:
            self._inject()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        try:
            self._undo()
        finally:
            self.carrier.__exit__(None, None, None)

    def _inject(self) -> None:
        clock = self._estate.clock
        self._tell("inject", title(self.fault))
        self.stage = Stage.ARMED
        self.carrier.prepare(self._arm)
        began = clock.now()
        self.carrier.change(self._arm)
        returned = clock.now()
        self.stage = Stage.ACTIVE
        proof = self._await(self.carrier.bites, began)
        if proof is None:
            raise Ineffective(
                f"{title(self.fault)} did not bite within {self.carrier.patience}: {self.carrier.sight()}"
            )
        self._timeline.add(self._injected(began, returned, proof))

    def _injected(self, began: Instant, returned: Instant, proof: Proof) -> Event:
        return FaultInjected(
            began,
            title(self.fault),
            returned.nanoseconds,
            proof.at.nanoseconds,
            self.carrier.fidelity.value,
            proof.sight,
            self.carrier.regions,
        )

    def _taken_back(self, began: Instant, proof: Proof) -> Event:
        return FaultUndone(began, title(self.fault), proof.at.nanoseconds, proof.sight)

    def _arm(self, act: Act) -> Armed:
        armed = self._journal.arm(title(self.fault), act)
        self._armed.append(armed)
        return armed

    def _undo(self) -> None:
        if self.stage in (Stage.PLANNED, Stage.UNDONE):
            return
        self._tell("undo", title(self.fault))
        began = self._estate.clock.now()
        failures = [failure for armed in reversed(self._armed) if (failure := self._perform(armed))]
        if failures:
            self.stage = Stage.STUCK
            self._timeline.add(Noted(began, f"undo failed: {failures[0].message}"))
            raise UndoFailed(f"{title(self.fault)} is not undone: {failures[0].message}", "Run `gameday undo`.")
        proof = self._await(self.carrier.healed, began)
        if proof is None:
            self.stage = Stage.STUCK
            raise UndoFailed(
                f"{title(self.fault)} was undone, and still is not healed: {self.carrier.sight()}",
                "Look at the platform, then run `gameday undo`.",
            )
        self._timeline.add(self._taken_back(began, proof))
        self.stage = Stage.UNDONE

    def _perform(self, armed: Armed) -> GamedayError | None:
        # One act's failure must not keep the others from being undone.
        try:
            undoing.perform(self._estate, armed.act)
        except GamedayError as error:
            _LOG.error("%s", error)
            return error
        self._journal.undone(armed)
        return None

    def _await(self, look: Callable[[Instant], Proof | None], since: Instant) -> Proof | None:
        for _ in self._estate.clock.every(_LOOK, self.carrier.patience):
            proof = look(since)
            if proof is not None:
                return proof
        return None


class Arranging(Injection):
    """The same life for what is no fault: on the timeline it is a note, so no judge takes it for one."""

    def _injected(self, began: Instant, returned: Instant, proof: Proof) -> Event:  # noqa: ARG002 - a fault's fields
        return Noted(proof.at, f"{title(self.fault)}: {proof.sight}")

    def _taken_back(self, began: Instant, proof: Proof) -> Event:  # noqa: ARG002 - a fault's fields
        return Noted(proof.at, f"{title(self.fault)} is taken back: {proof.sight}")
