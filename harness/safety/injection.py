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
from harness.events import Event, FaultInjected, FaultUndone, Noted
from harness.faults import Arrangement, Fault, title
from harness.timeline import Timeline
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
    the world is not back; the journal then still holds what is left. ``tell`` hears each step for the terminal;
    ``check`` raises ``Aborted`` when nothing more may be changed: it is asked before each change and while the fault is
    awaited to bite, never while it is undone.
    """

    def __init__(
        self, fault: Fault | Arrangement, carrier: Carrier, estate: Estate, journal: Journal, timeline: Timeline,
        tell: Callable[[str, str], None], check: Callable[[], None],
    ) -> None:  # fmt: skip
        self.fault = fault
        self.carrier = carrier
        self.stage = Stage.PLANNED
        self._estate = estate
        self._journal = journal
        self._timeline = timeline
        self._tell = tell
        self._check = check
        self._others: set[int] = set()
        """What was pending before: other injections' to undo."""

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
        self._others = {armed.number for armed in self._journal.pending()}
        self.stage = Stage.ARMED
        self.carrier.prepare(self._arm)
        began = clock.now()
        self.carrier.change(self._arm)
        returned = clock.now()
        self.stage = Stage.ACTIVE
        proof = self._await(self._bites, began)
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

    def _bites(self, since: Instant) -> Proof | None:
        self._check()
        return self.carrier.bites(since)

    def _arm(self, act: Act) -> Armed:
        self._check()
        return self._journal.arm(title(self.fault), act)

    def _undo(self) -> None:
        if self.stage in (Stage.PLANNED, Stage.UNDONE):
            return
        self._say_undo()
        began = self._estate.clock.now()
        mine = [armed for armed in self._journal.pending() if armed.number not in self._others]
        failures = [failure for armed in mine if (failure := self._perform(armed))]
        if failures:
            self.stage = Stage.STUCK
            left = "; ".join(failures)
            self._timeline.add(Noted(began, f"undo failed: {left}"))
            raise UndoFailed(f"{title(self.fault)} is not undone: {left}", "Run `gameday undo`.")
        proof = self._await(self.carrier.healed, began)
        if proof is None:
            self.stage = Stage.STUCK
            raise UndoFailed(
                f"{title(self.fault)} was undone, and still is not healed: {self.carrier.sight()}",
                "Look at the platform, then run `gameday undo`.",
            )
        self._timeline.add(self._taken_back(began, proof))
        self.stage = Stage.UNDONE

    def _say_undo(self) -> None:
        try:
            self._tell("undo", title(self.fault))
        except OSError as error:
            # A full disk must not keep the world from being put back.
            _LOG.error("the undo cannot be noted: %s", error)

    def _perform(self, armed: Armed) -> str:
        """Undo one act and cross it out; what went wrong, in words, else nothing: the others must be undone as well."""
        try:
            undoing.perform(self._estate, armed.act)
            self._journal.undone(armed)
        except (GamedayError, OSError) as error:
            _LOG.error("%s", error)
            return str(error)
        return ""

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
