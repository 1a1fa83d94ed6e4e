"""What to change in the platform: all that feasibility found, what bears on this run's trouble first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.reporting import markup
from harness.verdicts import Ruling

_ALARMS = frozenset({"lag_alarm", "alarm_rings", "no_false_alarm", "low_lag"})
_JOBS = frozenset({"jobs_exactly_once"})
_BEARS_ON = {"lag-alarm": _ALARMS, "global-datastore": _JOBS}
"""By the beginning of a finding's name, the promises that it breaks; whatever is not here keeps the service from coming
back, which is the trouble of all other promises."""

_STAGES = {
    "detection-too-slow": {"detection", "dns"},
    "check-asks-the-database": {"detection", "dns"},
    "record-without-check": {"detection"},
    "region-without-record": {"dns"},
    "only-an-alias-evaluates": {"detection"},
    "nobody-decides": {"decision"},
    "a-person-decides": {"decision"},
    "alarm-in-the-failing-region": {"decision"},
    "alarm-on-route53-metric": {"decision"},
    "automation-races-the-failover": {"decision"},
    "promotion-by-hand": {"decision", "promotion"},
    "multi-az-instance-too-slow": {"promotion"},
    "writer-without-standby": {"promotion"},
    "no-secondary": {"promotion"},
    "global-failover-takes-minutes": {"promotion"},
    "standby-without-redis": {"reconnect"},
    "load-balancer-fails-open": {"reconnect"},
}
"""The stages of a recovery that a finding draws out; those that are asked for come first."""


@dataclass(frozen=True)
class Change:
    """One change, with what was found in the configuration that asks for it."""

    what: str
    because: tuple[str, ...]


def changes(run: Mapping[str, Any]) -> tuple[list[Change], list[Change]]:
    """What bears on the promises that this run did not keep, and what is left: each change once."""
    ill = {str(one["promise"]) for one in run["verdicts"] if Ruling[one["ruling"]] is not Ruling.KEPT}
    details = list(run["feasibility"].get("details", ()))
    bearing = [one for one in details if _bears(str(one["name"]), ill)]
    asked = {"decision"} if "automatic" in ill else set()
    longest = max(run["anatomy"], key=lambda stage: stage["seconds"], default=None)
    asked |= {longest["stage"]} if longest else set()
    first = _gathered(sorted(bearing, key=lambda one: not asked & _STAGES.get(str(one["name"]), set())))
    known = {one.what for one in first}
    return first, _gathered(one for one in details if one["change"] not in known)


def told(run: Mapping[str, Any]) -> str:
    """The same as HTML, numbered; what does not bear on this run is folded away."""
    first, rest = changes(run)
    if not first and not rest:
        findings = "<br>".join(markup.escape(str(one)) for one in run["feasibility"].get("findings", ()))
        return findings or _nothing(run)
    more = markup.folded(f"{len(rest)} more that the configuration asks for, and this run does not", _list(rest))
    return (_list(first) if first else _nothing(run)) + (more if rest else "")


def _nothing(run: Mapping[str, Any]) -> str:
    if run["ruling"] == Ruling.KEPT.name:
        return "nothing"
    return "the configuration alone does not tell: see the evidence below"


def _bears(name: str, ill: set[str]) -> bool:
    for beginning, promises in _BEARS_ON.items():
        if name.startswith(beginning):
            return bool(ill & promises)
    return bool(ill - _ALARMS - _JOBS - {"conduct", "world"})


def _gathered(details: Iterable[Mapping[str, Any]]) -> list[Change]:
    found: dict[str, list[str]] = {}
    for one in details:
        found.setdefault(str(one["change"]), []).append(str(one["words"]))
    return [Change(what, tuple(words)) for what, words in found.items()]


def _list(found: Sequence[Change]) -> str:
    rows = "".join(
        f'<li>{markup.escape(one.what)}<br><span class="faint">'
        f"{'<br>'.join(map(markup.escape, one.because))}</span></li>"
        for one in found
    )
    return f"<ol>{rows}</ol>"
