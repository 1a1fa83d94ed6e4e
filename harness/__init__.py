"""The game day harness: what a scenario may name (floors 0 and 1), and nothing that drags in AWS."""

from harness.card import scenario
from harness.clock import Duration, Instant, milliseconds, minutes, seconds
from harness.faults import Blackhole, Cut, Lag, Lose, Pause, Promote, Restart, Silence, Stop, Switchover
from harness.topology import (
    Automation,
    Cache,
    ControlPlane,
    Database,
    GlobalCluster,
    Link,
    LoadBalancer,
    Location,
    Region,
    Replica,
    Service,
    Tasks,
    Writer,
    Zone,
)

__all__ = [
    "Automation",
    "Blackhole",
    "Cache",
    "ControlPlane",
    "Cut",
    "Database",
    "Duration",
    "GlobalCluster",
    "Instant",
    "Lag",
    "Link",
    "LoadBalancer",
    "Location",
    "Lose",
    "Pause",
    "Promote",
    "Region",
    "Replica",
    "Restart",
    "Service",
    "Silence",
    "Stop",
    "Switchover",
    "Tasks",
    "Writer",
    "Zone",
    "milliseconds",
    "minutes",
    "scenario",
    "seconds",
]
