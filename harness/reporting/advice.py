"""What to change in the platform: all that feasibility found, what bears on this run's trouble first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.reporting import markup
from harness.verdicts import Ruling

_NOT_OF_THE_WAY_BACK = frozenset({"lag_alarm", "alarm_rings", "no_false_alarm", "low_lag", "jobs_exactly_once"})
_NOT_OF_THE_PLATFORM = frozenset({"conduct", "world"})


@dataclass(frozen=True)
class Change:
    """One change, with what was found in the configuration that asks for it."""

    what: str
    because: tuple[str, ...]


def changes(run: Mapping[str, Any]) -> tuple[list[Change], list[Change]]:
    """What bears on the promises that this run did not keep, and what is left: each change once."""
    ill = {str(one["promise"]) for one in run["verdicts"] if Ruling[one["ruling"]] is not Ruling.KEPT}
    details = list(run["feasibility"].get("details", ()))
    bearing = [one for one in details if _bears(one, ill)]
    asked = {"decision"} if "automatic" in ill else set()
    longest = max(run["anatomy"], key=lambda stage: stage["seconds"], default=None)
    asked |= {longest["stage"]} if longest else set()
    first = _gathered(sorted(bearing, key=lambda one: asked.isdisjoint(one.get("draws_out", ()))))
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


def _bears(finding: Mapping[str, Any], ill: set[str]) -> bool:
    """Whether what was found breaks one of these promises; what names none keeps the service from coming back."""
    breaks = finding.get("breaks")
    return bool(ill & set(breaks) if breaks else ill - _NOT_OF_THE_WAY_BACK - _NOT_OF_THE_PLATFORM)


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
