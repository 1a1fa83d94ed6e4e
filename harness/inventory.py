"""The world as it was before a scenario and as it is after it: everything that a fault may touch, compared.

A thing is named as AWS names it (``network ACL acl-1 in us-east-1``) and has fields of plain JSON values. Who plays
which part (writer, primary, secondary) is a role: it may move, and is told, not judged. Written as
``world-before.json`` and ``world-after.json`` into the run's folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import files

BEFORE_FILE = "world-before.json"
AFTER_FILE = "world-after.json"

SNAPSHOTS = ("DB snapshot", "DB cluster snapshot")
"""AWS makes them by itself too: a new one is always residue."""
TOPOLOGY = (*SNAPSHOTS, "DB instance", "DB cluster", "global cluster", "replication group")
"""What a destructive scenario changes for good: there, a difference is residue."""
PRESENCE = ""
"""The field of a difference that is about the whole thing: it appeared, or is gone."""


@dataclass(frozen=True)
class Inventory:
    """``things``: fields by the thing's name, which begins with its kind. ``roles``: the part by the thing's name."""

    things: Mapping[str, Mapping[str, Any]]
    roles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """One field of one thing that is not what it was. ``residue``: it could not be otherwise."""

    thing: str
    field: str
    before: str
    after: str
    residue: bool = False

    def __str__(self) -> str:
        if self.field == PRESENCE:
            return f"{self.thing} {'is new' if self.before == _ABSENT else 'is gone'}"
        return f"{self.thing}: {self.field} is {self.after}, was {self.before}"


@dataclass(frozen=True)
class Comparison:
    """What differs; ``moved``: the roles that others play now, in words."""

    compared: int
    differences: tuple[Difference, ...]
    moved: tuple[str, ...] = ()

    @property
    def wrong(self) -> tuple[Difference, ...]:
        """What should have been put back."""
        return tuple(one for one in self.differences if not one.residue)


_ABSENT, _PRESENT = "absent", "present"


def compare(before: Inventory, after: Inventory, *, destructive: bool = False) -> Comparison:
    """Every field of every thing, before and after; after a destructive scenario the topology's are residue."""
    found = []
    for thing in sorted({*before.things, *after.things}):
        residue = thing.startswith(TOPOLOGY if destructive else SNAPSHOTS)
        found += [Difference(thing, *told, residue) for told in _fields(before, after, thing)]
    moved = tuple(
        f"{thing} is {after.roles.get(thing, 'nothing')}, was {role}"
        for thing, role in sorted(before.roles.items())
        if after.roles.get(thing) != role
    )
    return Comparison(len({*before.things, *after.things}), tuple(found), moved)


def _fields(before: Inventory, after: Inventory, thing: str) -> list[tuple[str, str, str]]:
    old, new = before.things.get(thing), after.things.get(thing)
    if old is None or new is None:
        return [(PRESENCE, _PRESENT if old is not None else _ABSENT, _PRESENT if new is not None else _ABSENT)]
    return [
        (name, _words(old.get(name)), _words(new.get(name)))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def _words(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def write(path: Path, inventory: Inventory) -> None:
    """Put an inventory into a run's folder, whole or not at all. Raises ``OSError``."""
    told = {"things": inventory.things, "roles": inventory.roles}
    files.put(path, json.dumps(told, indent=1, sort_keys=True) + "\n")
