"""Acts of nature as data: their grammar, and how a wrong one is refused. Pure.

::

    lose REGION|ZONE          its links go down; a zone loses its power too, and its processes die
    return REGION|ZONE|NODE   what was lost is reachable again, what was frozen goes on
    crash NODE                its process dies; the platform starts it again, or does not
    freeze NODE               its process stops in its tracks: connections stay, nothing is answered
    cut A B                   nothing passes between two regions, a location and a region, or two zones of a region
    slow A B MILLISECONDS     packets take that long there and back (AWS time)
    drop A B PERCENT          so many packets in a hundred are lost, in each direction
    heal A B                  cut, slow and drop are taken back
    darken REGION             the region's AWS endpoint cannot be reached
    lighten REGION            it can again
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from harness.twin.calls import AwsError
from harness.twin.designs.model import Design
from harness.twin.network.layout import links

Act = Literal["lose", "return", "crash", "freeze", "cut", "slow", "drop", "heal", "darken", "lighten"]
Kind = Literal["region", "zone", "node", "path", "zones"]

ACTS: tuple[Act, ...] = get_args(Act)
_ON_A_LINK = ("cut", "slow", "drop", "heal")
_ON_A_REGION = ("darken", "lighten")
_ON_A_NODE = ("crash", "freeze")
_MEASURED: dict[str, tuple[str, float]] = {"slow": ("milliseconds", 60_000), "drop": ("percent", 100)}
_FIELDS = {"act", "names", "region", "amount"}


@dataclass(frozen=True)
class Strike:
    """One act. ``names`` are one region, zone or node, or the two ends of a link; ``amount`` as the act measures it.

    ``kind`` says what the names are. ``region`` tells nodes of one name apart.
    """

    act: Act
    kind: Kind
    names: tuple[str, ...]
    region: str | None = None
    amount: float = 0.0

    def __str__(self) -> str:
        amount = f" {self.amount:g} {_MEASURED[self.act][0]}" if self.act in _MEASURED else ""
        return f"{self.act} {' '.join(self.names)}{amount}"


def invalid(problem: str) -> AwsError:
    """The refusal of an act that cannot be: one clear line."""
    return AwsError("InvalidStrike", problem)


def read(wanted: Mapping[str, Any], design: Design) -> Strike:
    """The act that a request means; raises ``AwsError`` InvalidStrike.

    ``{"act", "names": [...], "amount", "region"}``; ``{"act", "region"}`` alone names the region itself.
    Whether a node exists is not known here.
    """
    for field in wanted.keys() - _FIELDS:
        raise invalid(f"{field} is no field of an act of nature; they are {', '.join(sorted(_FIELDS))}.")
    act = wanted.get("act")
    if act not in ACTS:
        raise invalid(f"{act} is no act of nature; they are {', '.join(ACTS)}.")
    names, region = wanted.get("names"), wanted.get("region")
    if names is None:
        names, region = ([] if region is None else [region]), None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise invalid(f"names is a list of names, not {names!r}.")
    if region is not None and region not in _regions(design):
        raise invalid(_unknown("region", region, _regions(design)))
    amount = _amount(act, wanted.get("amount"))
    ends = 2 if act in _ON_A_LINK else 1
    if len(names) != ends:
        raise invalid(f"{act} takes {'the two ends of a link' if ends == 2 else 'one name'}, not {len(names)}.")
    return Strike(act, _kind(act, tuple(names), design), tuple(names), region, amount)


def _amount(act: str, given: Any) -> float:
    if act not in _MEASURED:
        if given is not None:
            raise invalid(f"{act} takes no amount.")
        return 0.0
    unit, most = _MEASURED[act]
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise invalid(f"{act} takes a number of {unit}, not {given!r}.")
    if not 0 <= given <= most:
        raise invalid(f"{act} takes 0 to {most:g} {unit}, not {given:g}.")
    return float(given)


def _kind(act: str, names: tuple[str, ...], design: Design) -> Kind:
    if act in _ON_A_LINK:
        return _link(act, names, design)
    (name,) = names
    regions, zones = _regions(design), _zones(design)
    if act in _ON_A_NODE:
        return "node"
    if name in regions:
        return "region"
    if act in _ON_A_REGION:
        raise invalid(_unknown("region", name, regions))
    if name in zones:
        return "zone"
    if act == "lose":
        raise invalid(_unknown("region and no zone", name, [*regions, *zones]))
    return "node"


def _link(act: str, names: tuple[str, ...], design: Design) -> Kind:
    pair = frozenset(names)
    if pair in {frozenset({link.a, link.b}) for link in links(design)}:
        return "path"
    places, zones = [*_regions(design), *(plan.name for plan in design.locations)], _zones(design)
    for name in names:
        if name not in places and name not in zones:
            raise invalid(_unknown("region, location or zone", name, [*places, *zones]))
    if len(pair) == 2 and all(name in zones for name in names) and zones[names[0]] == zones[names[1]]:
        if act in _MEASURED:
            raise invalid(f"The link between {names[0]} and {names[1]} can be cut, but neither slowed nor made lossy.")
        return "zones"
    raise invalid(f"There is no link between {names[0]} and {names[1]}.")


def _regions(design: Design) -> list[str]:
    return [plan.name for plan in design.regions]


def _zones(design: Design) -> dict[str, str]:
    """Each zone's name and its region."""
    return {f"{plan.name}{zone}": plan.name for plan in design.regions for zone in plan.zones}


def _unknown(kind: str, name: str, known: list[str]) -> str:
    return f"{name} is no {kind} of this design; there are {', '.join(known)}."
