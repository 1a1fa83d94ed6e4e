"""Every fault's carrier."""

from __future__ import annotations

from harness.cloud.carriers.blackhole import BlackholeCarrier
from harness.cloud.carriers.carrier import Carrier
from harness.cloud.carriers.database import StopWriterCarrier
from harness.cloud.carriers.lag import LagCarrier
from harness.cloud.carriers.nature import LoseRegionCarrier
from harness.cloud.carriers.pause import PauseCarrier
from harness.cloud.estate import Estate
from harness.errors import Refused
from harness.faults import Blackhole, Fault, Lag, Lose, Pause, Stop
from harness.topology import Writer


def carrier_of(fault: Fault, estate: Estate, run: str) -> Carrier:
    """The carrier of a fault on this estate; raises ``Refused`` for what cannot be carried out."""
    match fault:
        case Blackhole():
            return BlackholeCarrier(estate, fault, run)
        case Stop(target=Writer()):
            return StopWriterCarrier(estate)
        case Lag():
            return LagCarrier(estate, fault)
        case Pause():
            return PauseCarrier(estate, fault)
        case Lose():
            return LoseRegionCarrier(estate, fault)
    raise Refused(f"nothing carries out {fault}.")
