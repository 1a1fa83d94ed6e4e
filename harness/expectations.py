"""What each scenario must come out as on each version of its design, and for which reason: the harness's own teeth.

A hardened design keeps every promise, the strategy as written breaks some, each for a reason that is known
beforehand. A scenario that comes out otherwise, better ones too, has found something or has lost its bite.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.errors import BadInput
from harness.verdicts import Ruling, Verdict, worst

VERSIONS = ("hardened", "as_written")
CONDUCT = "conduct"
"""What is said of a run that could not go on as planned; a reason may name it as if it were a promise."""

Key = tuple[str, str]
"""A scenario's path and a version."""


@dataclass(frozen=True)
class Expectation:
    """The worst ruling of a scenario; ``because``: a phrase in the reason of each promise that is ruled so."""

    verdict: Ruling
    because: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        told = "; ".join(f"{promise}: {phrase}" for promise, phrase in self.because.items())
        return f"{self.verdict.name} ({told})" if told else self.verdict.name


def parse(text: str, where: str, promised: Mapping[str, Sequence[str]]) -> Mapping[Key, Expectation]:
    """The expectations of every scenario in both versions, from TOML.

    ``promised`` names the promises of each scenario by its path. Raises ``BadInput`` that names ``where`` and the
    field: for a scenario, version or promise that there is not, for an entry that is missing, for a reason without a
    verdict that needs one, and for a verdict without its reason.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(where, "TOML", str(error)) from error
    found: dict[Key, Expectation] = {}
    for phase, scenarios in document.items():
        for name, versions in _table(scenarios, where, phase).items():
            path, place = f"{phase}/{name}", f"{phase}.{name}"
            if path not in promised:
                raise BadInput(where, place, "no such scenario")
            for version, values in _table(versions, where, place).items():
                if version not in VERSIONS:
                    raise BadInput(where, f"{place}.{version}", f"no such version; one of {', '.join(VERSIONS)}")
                whole = _table(values, where, f"{place}.{version}")
                found[path, version] = _expectation(whole, promised[path], where, f"{place}.{version}")
    for path in promised:
        for version in VERSIONS:
            if (path, version) not in found:
                raise BadInput(where, f"{path.replace('/', '.')}.{version}", "missing", "Say what must come out.")
    return found


def differences(expected: Expectation, runs: Sequence[Sequence[Verdict]]) -> list[str]:
    """In which points a scenario came out otherwise than expected; empty when it is exactly as expected.

    ``runs``: the verdicts of each of its runs. Together they must have the expected worst ruling. Where that is not
    KEPT, the promises with that ruling must be those expected, and each phrase must be in one of their reasons.
    """
    verdicts = [verdict for run in runs for verdict in run]
    ruling = worst(verdict.ruling for verdict in verdicts)
    if ruling is not expected.verdict:
        reasons = "; ".join(f"{one.promise}: {one.reason}" for one in verdicts if one.ruling is ruling)
        return [f"{ruling.name} instead of {expected.verdict.name}" + (f" ({reasons})" if reasons else "")]
    if ruling is Ruling.KEPT:
        return []
    reasons_of: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.ruling is ruling:
            reasons_of.setdefault(verdict.promise, []).append(verdict.reason)
    told = [
        f"{promise} is {ruling.name} too: {reasons_of[promise][0]}" for promise in reasons_of.keys() - expected.because
    ]
    for promise, phrase in expected.because.items():
        given = reasons_of.get(promise, [])
        if not given:
            told.append(f"{promise} is not {ruling.name}")
        elif not any(phrase in reason for reason in given):
            told.append(f"{promise} is {ruling.name} for another reason than `{phrase}`: {given[0]}")
    return sorted(told)


def found(runs: Sequence[Sequence[Verdict]]) -> str:
    """How the runs of a scenario came out, in the words of an expectation: the ruling, and whose."""
    verdicts = [verdict for run in runs for verdict in run]
    ruling = worst(verdict.ruling for verdict in verdicts)
    promises = dict.fromkeys(verdict.promise for verdict in verdicts if verdict.ruling is ruling)
    return ruling.name if ruling is Ruling.KEPT or not promises else f"{ruling.name} ({', '.join(promises)})"


def _expectation(values: Mapping[str, Any], promises: Sequence[str], where: str, place: str) -> Expectation:
    for name in values:
        if name not in ("verdict", "because"):
            raise BadInput(where, f"{place}.{name}", "unknown; one of verdict, because")
    verdict = str(values.get("verdict"))
    if verdict not in Ruling.__members__:
        raise BadInput(where, f"{place}.verdict", f"must be one of {', '.join(Ruling.__members__)}, not {verdict!r}")
    because = _table(values.get("because", {}), where, f"{place}.because")
    if bool(because) == (verdict == Ruling.KEPT.name):
        problem = "a kept promise needs no reason" if because else f"missing: what is {verdict} must say which promise"
        raise BadInput(where, f"{place}.because", problem)
    for promise, phrase in because.items():
        if promise not in (*promises, CONDUCT):
            raise BadInput(where, f"{place}.because.{promise}", f"no promise of it; one of {', '.join(promises)}")
        if not isinstance(phrase, str) or not phrase.strip():
            raise BadInput(where, f"{place}.because.{promise}", "must be a phrase that the reason contains")
    return Expectation(Ruling[verdict], dict(because))


def _table(value: object, where: str, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadInput(where, place, "must be a table")
    return value
