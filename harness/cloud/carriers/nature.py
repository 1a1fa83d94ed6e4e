"""A region is lost: an act of nature that only the twin can order; its replication stops in mid-stream too."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType

from harness.clock import Duration, Instant, seconds
from harness.cloud.carriers.carrier import Arm, Carrier, Proof
from harness.cloud.estate import Estate
from harness.faults import Fidelity, Lose
from harness.probes.darkness import Darkness
from harness.undo import Act


class LoseRegionCarrier(Carrier):
    """Carries out ``Lose(region)``."""

    fidelity = Fidelity.TWIN_ONLY
    left_out = "AWS cannot be ordered to lose a region; network ACLs would leave its replication running"
    patience: Duration = seconds(60)

    def __init__(self, estate: Estate, fault: Lose) -> None:
        self._estate = estate
        self._region = fault.target.name
        self.regions = (self._region,)
        self._probes = ExitStack()
        self._darkness: Darkness | None = None

    def __enter__(self) -> LoseRegionCarrier:
        place = self._estate.target.locations[0]
        self._darkness = self._probes.enter_context(
            Darkness(
                self._estate.clock,
                self._estate.enter(place),
                self._estate.addresses(self._region),
                self._estate.target.api.port,
                "/api/v1/health",
            )
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._probes.close()

    def change(self, arm: Arm) -> None:
        """Strike."""
        arm(Act("twin", self._region, "return"))
        self._estate.strike("lose", self._region)

    def bites(self, since: Instant) -> Proof | None:
        """Every try from the first location fails."""
        assert self._darkness is not None
        at = self._darkness.dark_since(since)
        return Proof(at, self._darkness.sight()) if at else None

    def healed(self, since: Instant) -> Proof | None:
        """Every try succeeds again."""
        assert self._darkness is not None
        at = self._darkness.lit_since(since)
        return Proof(at, self._darkness.sight()) if at else None

    def sight(self) -> str:
        """The last result of each try."""
        return self._darkness.sight() if self._darkness else "not probed yet"
