"""Acts of nature carried out: what no customer of AWS can order, and how each is taken back.

Each cause is kept by itself, so that taking one back restores what was and nothing more: a region that returns stays
dark when its endpoint was darkened, and its links stay cut. An act that is in force already changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from harness.clock import Clock, Instant, milliseconds
from harness.twin.designs.model import Design
from harness.twin.network.network import Network
from harness.twin.nodes import Node
from harness.twin.strikes import Strike, invalid, read


class Door(Protocol):
    """What is needed of the front door."""

    def darken(self, region: str) -> None:
        """Make a region's endpoint unreachable."""

    def lighten(self, region: str) -> None:
        """Undo that."""


class Managed(Protocol):
    """What is needed of RDS: it is told of lost power, and fences what must not come back as it was."""

    def region_lost(self, region: str) -> None:
        """Its links are down."""

    def region_returning(self, region: str) -> None:
        """They are about to be up; returns when that is safe."""

    def zone_lost(self, region: str, zone: str) -> None:
        """It has no power."""

    def zone_returning(self, region: str, zone: str) -> None:
        """It has power again."""


class Alarms(Protocol):
    """What is needed of CloudWatch."""

    def suspend(self, region: str) -> None:
        """Evaluate nothing there."""

    def resume(self, region: str) -> None:
        """Undo that."""


@dataclass(frozen=True)
class _Mark:
    """A node that was struck."""

    act: str
    at: Instant


class Nature:
    """Strikes the parts of a running world. Thread-safe; acts happen one after the other."""

    def __init__(
        self,
        clock: Clock,
        design: Design,
        network: Network,
        door: Door,
        rds: Managed,
        alarms: Alarms,
        nodes: Callable[[], Iterable[Node]],
    ) -> None:
        """``nodes`` gives every process that has a name now."""
        self._clock = clock
        self._design = design
        self._network = network
        self._door = door
        self._rds = rds
        self._alarms = alarms
        self._all = nodes
        # Two acts on one thing must not interleave, however long RDS takes to fence; what is struck is read without it.
        self._turn = threading.Lock()
        self._struck: dict[tuple[str, ...], Instant] = {}
        self._amounts: dict[tuple[str, ...], float] = {}
        self._marks: dict[tuple[str, str], _Mark] = {}

    def strike(self, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry out one act (see ``strikes``) and tell what is struck then; raises ``AwsError`` InvalidStrike."""
        strike = read(wanted, self._design)
        acts: dict[str, Callable[[Strike], None]] = {
            "lose": self._lose,
            "return": self._return,
            "crash": self._crash,
            "freeze": self._freeze,
            "cut": self._cut,
            "slow": self._slow,
            "drop": self._drop,
            "heal": self._heal,
            "darken": self._darken,
            "lighten": self._lighten,
        }
        with self._turn:
            acts[strike.act](strike)
        return {"act": strike.act, "names": list(strike.names), "lost": self.lost(), "struck": self.struck()}

    def lost(self) -> list[str]:
        """The regions that are lost."""
        return sorted(name for act, name, *_ in dict(self._struck) if act == "region")

    def struck(self) -> dict[str, str]:
        """Everything that is in force, and since when; a node only as long as it shows."""
        told: dict[str, str] = {}
        for key, at in sorted(dict(self._struck).items()):
            kind, *names = key
            amount = self._amounts.get(key, 0.0)
            word = {
                "region": "lost",
                "zone": "lost",
                "endpoint": "dark",
                "cut": "cut",
                "slow": f"{amount:g} ms there and back",
                "drop": f"loses {amount:g} % of the packets",
            }[kind]
            subject = f"link {names[0]} - {names[1]}" if len(names) == 2 else f"{kind} {names[0]}"
            told[subject] = f"{told[subject]}; {word} since {at}" if subject in told else f"{word} since {at}"
        for node in self._all() if self._marks else ():
            mark = self._marks.get((node.region, node.identifier))
            if mark and (node.frozen() if mark.act == "frozen" else not node.runs()):
                told[f"node {node.identifier} {node.region}"] = f"{mark.act} since {mark.at}"
        return told

    def _begin(self, *key: str, amount: float = 0.0) -> bool:
        """Note a cause down; whether it is new."""
        fresh = key not in self._struck
        if fresh:
            self._struck[key] = self._clock.now()
        self._amounts[key] = amount
        return fresh

    def _end(self, *key: str) -> bool:
        """Forget a cause; whether it was in force."""
        self._amounts.pop(key, None)
        return self._struck.pop(key, None) is not None

    def _lose(self, strike: Strike) -> None:
        (name,) = strike.names
        if not self._begin(strike.kind, name):
            return
        if strike.kind == "region":
            self._network.wan.lose(name)
            self._door.darken(name)
            self._alarms.suspend(name)
            self._rds.region_lost(name)
            return
        region, zone = name[:-1], name[-1]
        self._network.lose_zone(region, zone)
        self._rds.zone_lost(region, zone)
        for node in self._all():
            if (node.region, node.zone) == (region, zone):
                node.engine.kill()

    def _return(self, strike: Strike) -> None:
        (name,) = strike.names
        if strike.kind == "node":
            self._thaw(strike)
        elif (strike.kind, name) not in self._struck:
            return
        elif strike.kind == "region":
            # What was failed over is fenced before the region's network is back.
            self._rds.region_returning(name)
            self._end("region", name)
            self._alarms.resume(name)
            self._network.wan.restore(name)
            if ("endpoint", name) not in self._struck:
                self._door.lighten(name)
        else:
            self._network.restore_zone(name[:-1], name[-1])
            self._end("zone", name)
            self._rds.zone_returning(name[:-1], name[-1])

    def _crash(self, strike: Strike) -> None:
        node = self._node(strike)
        node.engine.kill()
        self._marks[node.region, node.identifier] = _Mark("crashed", self._clock.now())

    def _freeze(self, strike: Strike) -> None:
        node = self._node(strike)
        if not node.runs():
            raise invalid(f"{node.identifier} does not run, so it cannot freeze.")
        if not node.frozen():
            node.engine.freeze()
            self._marks[node.region, node.identifier] = _Mark("frozen", self._clock.now())

    def _thaw(self, strike: Strike) -> None:
        """What nature froze goes on; one that the platform has ended or replaced meanwhile is left to the platform."""
        (name,) = strike.names
        found = [key for key in self._marks if key[1] == name and strike.region in (None, key[0])]
        nodes = {(node.region, node.identifier): node for node in self._all()}
        if not found:
            self._node(strike)  # a name that nobody has is refused
        for key in found:
            mark = self._marks.pop(key)
            if mark.act == "frozen" and key in nodes and nodes[key].runs() and nodes[key].frozen():
                nodes[key].engine.thaw()

    def _node(self, strike: Strike) -> Node:
        (name,) = strike.names
        known = list(self._all())
        found = [node for node in known if node.identifier == name and strike.region in (None, node.region)]
        if not found:
            where = f" in {strike.region}" if strike.region else ""
            there = ", ".join(sorted({node.identifier for node in known if strike.region in (None, node.region)}))
            raise invalid(f"{name} is no node{where}; there are {there}.")
        if len(found) > 1:
            regions = " and ".join(node.region for node in found)
            raise invalid(f"{name} is in {regions}: say which region is meant.")
        return found[0]

    def _cut(self, strike: Strike) -> None:
        a, b = sorted(strike.names)
        if not self._begin("cut", a, b):
            return
        if strike.kind == "zones":
            self._network.part_zones(a[:-1], a[-1], b[-1])
        else:
            self._network.wan.cut(a, b)

    def _slow(self, strike: Strike) -> None:
        a, b = sorted(strike.names)
        self._network.wan.slow(a, b, milliseconds(strike.amount))
        self._begin("slow", a, b, amount=strike.amount)

    def _drop(self, strike: Strike) -> None:
        a, b = sorted(strike.names)
        self._network.wan.drop(a, b, strike.amount / 100)
        if strike.amount:
            self._begin("drop", a, b, amount=strike.amount)
        else:
            self._end("drop", a, b)

    def _heal(self, strike: Strike) -> None:
        a, b = sorted(strike.names)
        if self._end("cut", a, b):
            if strike.kind == "zones":
                self._network.rejoin_zones(a[:-1], a[-1], b[-1])
            else:
                self._network.wan.join(a, b)
        if self._end("slow", a, b):
            self._network.wan.slow(a, b, None)
        if self._end("drop", a, b):
            self._network.wan.drop(a, b, 0)

    def _darken(self, strike: Strike) -> None:
        (region,) = strike.names
        self._begin("endpoint", region)
        self._door.darken(region)

    def _lighten(self, strike: Strike) -> None:
        (region,) = strike.names
        self._end("endpoint", region)
        if ("region", region) not in self._struck:
            self._door.lighten(region)
