"""What to change in the platform and what it buys: the two versions of a design beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any

from harness import catalogue
from harness.clock import Duration
from harness.expectations import Expectation
from harness.twin.designs import catalogue as designs
from harness.twin.designs.model import Design
from harness.twin.designs.reasons import Reason, reasons
from harness.verdicts import Ruling

AS_WRITTEN, HARDENED = "as_written", "hardened"
_NAMES = ("set_identifier", "identifier", "name")
_SAME = ("name", "version")
_BETWEEN, _NONE = "; ", "none"

Item = tuple[str, str]
"""A part of a design by its identifier and its region."""


@dataclass(frozen=True)
class Change:
    """One value in the two versions, and the parts of the platform in which it is so."""

    before: str
    after: str
    where: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The change for the terminal: whole parts below each other, a value beside the other."""
        if _BETWEEN in self.before + self.after or ")" in self.before + self.after:
            told = [("-", part) for part in self.before.split(_BETWEEN)]
            told += [("+", part) for part in self.after.split(_BETWEEN)]
            return [f"{sign} {part}" for sign, part in told if part != _NONE]
        return [f"{self.before} -> {self.after}" + (f"  [{', '.join(self.where)}]" if self.where else "")]


@dataclass(frozen=True)
class Difference:
    """A field of the design that differs, under its own name, e.g. ``records.ttl``; its reason, if told."""

    key: str
    changes: tuple[Change, ...]
    reason: Reason | None

    def to_json(self) -> dict[str, Any]:
        """The difference as plain JSON values."""
        return {
            "field": self.key,
            "words": self.reason.words if self.reason else self.key,
            "changes": [{"before": one.before, "after": one.after, "where": list(one.where)} for one in self.changes],
            "why": self.reason.why if self.reason else "",
        }


@dataclass(frozen=True)
class Benefit:
    """What the changes buy in one scenario."""

    scenario: str
    title: str
    as_written: Expectation
    hardened: Expectation

    @property
    def bought(self) -> str:
        """In words: how the strategy as written comes out, and why, and how the hardened design does."""
        because = "; ".join(
            f"{promise.replace('_', ' ')}: {phrase}" for promise, phrase in self.as_written.because.items()
        )
        before = f"{self.as_written.verdict.name} because {because}" if because else self.as_written.verdict.name
        same = self.as_written.verdict is self.hardened.verdict is Ruling.KEPT
        return "KEPT in both" if same else f"as written {before}; hardened {self.hardened}"

    def to_json(self) -> dict[str, Any]:
        """The benefit as plain JSON values."""
        return {
            "scenario": self.scenario,
            "title": self.title,
            AS_WRITTEN: {"verdict": self.as_written.verdict.name, "because": dict(self.as_written.because)},
            HARDENED: {"verdict": self.hardened.verdict.name, "because": dict(self.hardened.because)},
        }


@dataclass(frozen=True)
class Explanation:
    """A design, explained."""

    design: str
    differences: tuple[Difference, ...]
    benefits: tuple[Benefit, ...]

    def to_json(self) -> dict[str, Any]:
        """The explanation as plain JSON values."""
        return {
            "design": self.design,
            "differences": [one.to_json() for one in self.differences],
            "scenarios": [one.to_json() for one in self.benefits],
        }

    def text(self) -> str:
        """The explanation for the terminal."""
        lines = [f"{self.design}: what the hardened design changes in the strategy as written", ""]
        for one in self.differences:
            lines.append(f"{one.reason.words if one.reason else one.key} ({one.key})")
            lines += [f"    {line}" for change in one.changes for line in change.lines()]
            lines += [f"    why: {one.reason.why}"] if one.reason else []
        lines += ["", "what it buys, scenario by scenario", ""]
        for benefit in self.benefits:
            lines += [f"{benefit.scenario}: {benefit.title}", f"    {benefit.bought}"]
        return "\n".join(lines)


def explain(name: str) -> Explanation:
    """The explanation of a design. Raises ``BadInput`` when there is none of that name, or a file is wrong."""
    told = differences(designs.design(name, AS_WRITTEN), designs.design(name, HARDENED), reasons(name))
    expected = catalogue.expectations()
    benefits = tuple(
        Benefit(entry.path, entry.title, expected[entry.path, AS_WRITTEN], expected[entry.path, HARDENED])
        for entry in catalogue.entries()
        if entry.phase == name
    )
    return Explanation(name, told, benefits)


def differences(before: Design, after: Design, why: Mapping[str, Reason]) -> tuple[Difference, ...]:
    """Where two designs differ, field by field; equal changes in several parts of the platform are one."""
    found: dict[str, dict[tuple[str, str], list[str]]] = {}
    for key, one, other, where in _changes(before, after):
        places = found.setdefault(key, {}).setdefault((one, other), [])
        if where and where not in places:
            places.append(where)
    return tuple(
        Difference(key, tuple(Change(*values, tuple(where)) for values, where in changes.items()), why.get(key))
        for key, changes in found.items()
    )


def _changes(before: Design, after: Design) -> Iterator[tuple[str, str, str, str]]:
    for field in fields(Design):
        one, other = getattr(before, field.name), getattr(after, field.name)
        if field.name in _SAME or one == other:
            continue
        ones, others = _items(one), _items(other)
        gone = [item for item in ones if item not in others]
        new = [item for item in others if item not in ones]
        if gone or new:
            yield field.name, _listed(ones, gone), _listed(others, new), ""
        for item in ones:
            if item in others and ones[item] != others[item]:
                yield from _within(field.name, item, ones[item], others[item])


def _within(collection: str, item: Item, one: Any, other: Any) -> Iterator[tuple[str, str, str, str]]:
    if not is_dataclass(one):
        yield collection, _value(one), _value(other), ""
        return
    for field in fields(one):
        values = getattr(one, field.name), getattr(other, field.name)
        if values[0] != values[1]:
            yield f"{collection}.{field.name}", _value(values[0]), _value(values[1]), item[1]


def _items(value: Any) -> dict[Item, Any]:
    """The parts of a field by identifier and region; a plain value is one part without a name."""
    if isinstance(value, Mapping):
        return {("", str(region)): part for region, part in value.items()}
    if isinstance(value, tuple):
        return {(_name(part), getattr(part, "region", "")): part for part in value}
    if is_dataclass(value) and _name(value):
        return {(_name(value), ""): value}
    return {("", ""): value}


def _name(part: Any) -> str:
    return next((str(getattr(part, name)) for name in _NAMES if hasattr(part, name)), "")


def _listed(parts: Mapping[Item, Any], chosen: list[Item]) -> str:
    return _BETWEEN.join(_whole(item, parts[item]) for item in chosen if parts[item] is not None) or _NONE


def _whole(item: Item, part: Any) -> str:
    """A part that only one version has: its name and place, and every field that is not as it usually is."""
    told = [
        f"{field.name.replace('_', ' ')} {_value(getattr(part, field.name))}"
        for field in fields(part)
        if field.name not in (*_NAMES, "region") and getattr(part, field.name) not in (field.default, None, {}, MISSING)
    ]
    return f"{' in '.join(filter(None, item))} ({', '.join(told)})"


def _value(value: Any) -> str:
    if value is None:
        return _NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Duration):
        return f"{value.seconds:g} s"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(part)}" for name, part in value.items())
    if isinstance(value, tuple):
        return " ".join(map(_value, value))
    return str(value)
