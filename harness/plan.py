"""What a scenario would do to a platform on AWS, told beforehand: every call with its undo and its IAM action.

From the script, the target file and the table of calls (``docs/aws/calls.json``) alone: nothing is reached, and no
account is needed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import procedures, script
from harness.catalogue import Entry
from harness.errors import Refused, Unreadable
from harness.faults import (
    Arrangement,
    Blackhole,
    Cut,
    Failover,
    Fault,
    Fidelity,
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
    on_aws,
)
from harness.procedures import Drain, FailBack, FailOver, Procedure, PromoteStandby, Return, SwitchOver
from harness.target import Target
from harness.topology import (
    Automation,
    Cache,
    ControlPlane,
    Database,
    GlobalCluster,
    Link,
    LoadBalancer,
    Records,
    Region,
    Replica,
    Service,
    Tasks,
    Writer,
    Zone,
)

CALLS = Path(__file__).resolve().parent.parent / "docs" / "aws" / "calls.json"
_NOBODY = "nothing on AWS: nobody can order it, so a run there is refused at this fault"
_BESIDE = ("lock and journal", "observers", "read-back")

REACH: Mapping[tuple[type[Fault | Arrangement], type], str] = {
    (Blackhole, LoadBalancer): "one region: the public subnets of its load balancer, and whatever else in them is "
    "called from outside the VPC on the listeners' ports",
    (
        Blackhole,
        Region,
    ): "one region: every subnet of the platform's in it; nothing crosses the VPC's border, inside it all goes on",
    (Blackhole, Zone): "one availability zone: every subnet of the platform's in it; nothing comes in or goes out",
    (Blackhole, Database): "one region: the subnets of its DB subnet groups, port 5432, for everybody",
    (Blackhole, Cache): "one region: the subnets of its cache subnet groups, the cache's port, for everybody",
    (Stop, Writer): "one database: the cluster or instance that takes writes, with every connection to it",
    (Stop, Replica): "one read replica, with every connection to it",
    (Stop, Tasks): "one ECS service of one region: all of its tasks that run now",
    (Stop, Service): "one ECS service of one region: all of its tasks, for as long as the fault lasts",
    (Shrink, Service): "one ECS service of one region: all of its tasks but a few",
    (Lag, Replica): "one read replica, and whatever shares its parameter group",
    (Pause, Cache): "one region's cache: every client of it waits",
    (Restart, Cache): "one region's cache: every node of it, and all that it holds",
    (Failover, Cache): "one region's cache; in a Global Datastore all regions, since the writes move to another one",
    (Switchover, GlobalCluster): "every region: the writer of the global database moves",
    (Promote, Replica): "one read replica, for good: it never follows its writer again",
    (Silence, Automation): "one alarm of every region: whoever it tells is told nothing",
    (Geolocate, Records): "every client: all records of the API's name",
    (Lose, Region): _NOBODY,
    (Lose, Zone): _NOBODY,
    (Lose, ControlPlane): _NOBODY,
    (Cut, Link): _NOBODY,
}
"""The blast radius of each kind, by roles: which machines play them is only known when it happens."""

_REACH_BY_BOOK: Mapping[type[Procedure], str] = {
    Drain: "one region: its clients leave it",
    Return: "one region: its clients come back to it",
    PromoteStandby: "one region's read replica, for good",
    FailOver: "every region: the writer moves, and what was not replicated is lost",
    SwitchOver: "every region: the writer moves",
    FailBack: "every region: the writer moves; without a global database both instances are deleted and made again",
}


@dataclass(frozen=True)
class Call:
    """One kind of call that changes something, or a command where no call does it; then no IAM action is needed."""

    service: str
    operation: str
    parameters: tuple[str, ...]
    actions: tuple[str, ...]
    undo: str

    def __str__(self) -> str:
        names = f" ({', '.join(self.parameters)})" if self.parameters else ""
        needs = f"; needs {', '.join(self.actions)}" if self.actions else "; no AWS call"
        return f"{self.service} {self.operation}{names}{needs}; undo: {self.undo}"


@dataclass(frozen=True)
class Way:
    """How a deed is carried out, and on which designs (``active_passive hardened``) it was so."""

    on: tuple[str, ...]
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class Deed:
    """One fault, arrangement or runbook of a scenario."""

    what: str
    words: str
    reach: str
    fidelity: Fidelity
    left_out: str
    destructive: bool
    ways: tuple[Way, ...]

    def lines(self) -> Iterable[str]:
        """The deed for people."""
        marks = [self.fidelity.value, *(["destructive"] if self.destructive else [])]
        yield f"{self.what} {self.words}: {', '.join(marks)}"
        if self.left_out:
            yield f"     leaves out: {self.left_out}"
        yield f"     touches {self.reach}"
        for way in self.ways:
            if len(self.ways) > 1:
                yield f"     as on {', '.join(way.on)}:"
            yield from (f"     calls {call}" for call in way.calls)


@dataclass(frozen=True)
class Plan:
    """A scenario on a target, before anything is touched."""

    entry: Entry
    target: Target
    deeds: tuple[Deed, ...]
    beside: tuple[Call, ...]
    """What is changed without a fault: notifications are taken, a fenced writer's volume is restored and read."""
    looks: int
    """How many other operations only look."""

    @property
    def destructive(self) -> bool:
        """Whether the topology is another one afterwards."""
        return self.entry.card.destructive or any(deed.destructive for deed in self.deeds)

    def text(self) -> str:
        """The plan for people."""
        identity, limits, card = self.target.target, self.target.limits, self.entry.card
        regions = ", ".join(hand.region for hand in self.target.hands)
        lines = [
            f"{self.entry.path}: {self.entry.title}",
            f"  on {identity.name}: account {identity.account}, environment {identity.environment}, regions {regions}; "
            f"at most {limits.regions_at_once} dark at once",
            f"  lasts about {card.lasts}; {'destructive' if self.destructive else 'not destructive'}; "
            f"on AWS {self.entry.on_aws.value}",
        ]
        for number, deed in enumerate(self.deeds, 1):
            first, *more = deed.lines()
            lines += [f"  {number}. {first}", *more]
        lines.append("  beside that, where it comes to it:")
        lines += [f"     calls {call}" for call in self.beside]
        lines.append(f"     looks by {self.looks} operations, all in docs/aws/calls.json")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The plan as plain JSON values; spans in seconds."""
        return {
            "scenario": self.entry.path,
            "target": self.target.target.name,
            "account": self.target.target.account,
            "regions": [hand.region for hand in self.target.hands],
            "regions_at_once": self.target.limits.regions_at_once,
            "lasts_seconds": self.entry.card.lasts.seconds,
            "destructive": self.destructive,
            "fidelity": self.entry.on_aws.value,
            "deeds": [
                {
                    "what": deed.what,
                    "words": deed.words,
                    "reach": deed.reach,
                    "fidelity": deed.fidelity.value,
                    "leaves_out": deed.left_out,
                    "destructive": deed.destructive,
                    "ways": [{"on": list(way.on), "calls": [_plain(call) for call in way.calls]} for way in deed.ways],
                }
                for deed in self.deeds
            ],
            "beside": [_plain(call) for call in self.beside],
            "looks": self.looks,
        }


def _plain(call: Call) -> dict[str, Any]:
    return {
        "service": call.service,
        "operation": call.operation,
        "parameters": list(call.parameters),
        "actions": list(call.actions),
        "undo": call.undo,
    }


def of(entry: Entry, target: Target) -> Plan:
    """The plan of a scenario. Raises ``Unreadable`` for the table of calls, also when it lacks a fault."""
    table = _Table(CALLS)
    deeds = [_deed(table, entry.phase, "fault", one) for one in entry.script.injected]
    deeds += [_deed(table, entry.phase, "arrangement", one) for one in entry.script.arranged]
    deeds += [_by_book(table, entry.phase, one) for one in entry.script.procedures]
    return Plan(entry, target, tuple(deeds), table.beside(), table.looks())


def hold(chosen: Sequence[Entry], target: Target, *, yes: bool, say: Callable[[str], object]) -> None:
    """The leash: on AWS every plan is told, and without ``yes`` that is all. Raises ``Refused``; touches nothing.

    On the twin, where everything may be broken, nothing is held.
    """
    if target.target.kind == "twin":
        return
    for entry in chosen:
        say(of(entry, target).text())
    if not yes:
        raise Refused("nothing was done.", "Say --yes to carry it out.")


def _deed(table: _Table, phase: str, what: str, one: script.Written) -> Deed:
    kind = one.kind
    reach = REACH[kind.fault, kind.target]
    name = f"{kind.fault.__name__} {kind.target.__name__}"
    return Deed(what, one.words, reach, *on_aws(kind.fault, kind.target), kind.destructive,
                table.ways("fault", name, phase))  # fmt: skip


def _by_book(table: _Table, phase: str, kind: type[Procedure]) -> Deed:
    name, moves = procedures.name(kind), procedures.moves_writer(kind)
    ways = table.ways("runbook", name, phase)
    return Deed("runbook", name, _REACH_BY_BOOK[kind], Fidelity.FAITHFUL, "", moves, ways)


class _Table:
    """``docs/aws/calls.json``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._told: Mapping[str, Any] = json.loads(path.read_text())
            self._calls = {(call["service"], call["operation"]): call for call in self._told["calls"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Unreadable(f"{path}: {error}", "Make it again: make policy.") from error

    def ways(self, part: str, name: str, phase: str) -> tuple[Way, ...]:
        """How it was carried out on the designs of a phase; where it was on none of them, on any."""
        known = next((one["ways"] for one in self._told[f"{part}s"] if one[part] == name), None)
        if known is None:
            raise Unreadable(f"{self._path}: {name} is not in it", "Make it again: make policy.")
        own = [way for way in known if any(design.startswith(f"{phase} ") for design in way["on"])]
        return tuple(Way(tuple(way["on"]), tuple(map(self._call, way["steps"]))) for way in own or known)

    def beside(self) -> tuple[Call, ...]:
        """What changes something without a fault."""
        return tuple(
            Call(call["service"], call["operation"], (), tuple(call["actions"]), call["undone_by"][part])
            for call in self._calls.values()
            for part in _BESIDE
            if call["changes"] and part in call["made_by"]
        )

    def looks(self) -> int:
        """How many operations only look."""
        return sum(not call["changes"] for call in self._calls.values())

    def _call(self, step: Mapping[str, Any]) -> Call:
        known = self._calls.get((step["service"], step["operation"]), {})
        return Call(
            step["service"],
            step["operation"],
            tuple(step["parameters"]),
            tuple(known.get("actions", ())),
            step["undo"],
        )
