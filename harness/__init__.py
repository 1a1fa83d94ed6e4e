"""The game day harness: what a scenario may name (floors 0 and 1), and nothing that drags in AWS."""

from harness.card import scenario
from harness.clock import Duration, Instant, milliseconds, minutes, seconds
from harness.faults import Blackhole, Lag, Lose, Pause, Stop
from harness.topology import Cache, LoadBalancer, Location, Region, Replica, Service, Writer, Zone

__all__ = [
    "Blackhole",
    "Cache",
    "Duration",
    "Instant",
    "Lag",
    "LoadBalancer",
    "Location",
    "Lose",
    "Pause",
    "Region",
    "Replica",
    "Service",
    "Stop",
    "Writer",
    "Zone",
    "milliseconds",
    "minutes",
    "scenario",
    "seconds",
]
