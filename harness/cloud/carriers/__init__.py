"""Every fault's carrier."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.cloud.carriers.blackhole import BlackholeCarrier
from harness.cloud.carriers.cache import RestartCacheCarrier
from harness.cloud.carriers.carrier import Carrier
from harness.cloud.carriers.database import StopWriterCarrier
from harness.cloud.carriers.failover import failover_cache
from harness.cloud.carriers.geography import GeographyCarrier
from harness.cloud.carriers.lag import LagCarrier
from harness.cloud.carriers.nature import NatureCarrier
from harness.cloud.carriers.pause import PauseCarrier
from harness.cloud.carriers.replica import PromoteReplicaCarrier, StopReplicaCarrier
from harness.cloud.carriers.silence import SilenceCarrier
from harness.cloud.carriers.switchover import SwitchoverCarrier
from harness.cloud.carriers.tasks import ServiceCountCarrier, StopTasksCarrier
from harness.cloud.estate import Estate
from harness.errors import HarnessFault
from harness.faults import (
    Arrangement,
    Blackhole,
    Cut,
    Failover,
    Fault,
    Geolocate,
    Lag,
    Lose,
    Pause,
    Promote,
    Restart,
    Shrink,
    Silence,
    Stop,
    Switchover,
    title,
)
from harness.topology import (
    Automation,
    Cache,
    ControlPlane,
    GlobalCluster,
    Link,
    Records,
    Region,
    Replica,
    Service,
    Tasks,
    Writer,
    Zone,
)

KNOWN: Mapping[tuple[type, type], Callable[[Estate, Any], Carrier]] = {
    (Stop, Writer): StopWriterCarrier,
    (Stop, Replica): StopReplicaCarrier,
    (Stop, Tasks): StopTasksCarrier,
    (Stop, Service): ServiceCountCarrier,
    (Shrink, Service): ServiceCountCarrier,
    (Lag, Replica): LagCarrier,
    (Pause, Cache): PauseCarrier,
    (Restart, Cache): RestartCacheCarrier,
    (Failover, Cache): failover_cache,
    (Switchover, GlobalCluster): SwitchoverCarrier,
    (Promote, Replica): PromoteReplicaCarrier,
    (Geolocate, Records): GeographyCarrier,
    (Silence, Automation): SilenceCarrier,
    (Lose, Region): NatureCarrier,
    (Lose, Zone): NatureCarrier,
    (Lose, ControlPlane): NatureCarrier,
    (Cut, Link): NatureCarrier,
}
"""By kind of fault and kind of target; ``Blackhole`` has one carrier for all of its targets."""


def carrier_of(fault: Fault | Arrangement, estate: Estate, run: str) -> Carrier:
    """The carrier of a fault on this estate; raises ``Refused`` for what cannot be carried out there."""
    if isinstance(fault, Blackhole):
        return BlackholeCarrier(estate, fault, run)
    carrier = KNOWN.get((type(fault), type(fault.target)))
    if carrier is None:
        raise HarnessFault(f"nothing carries out {title(fault)}.")
    return carrier(estate, fault)
