"""A page to explore one run: every request, every event, to be zoomed and searched. Loads nothing from elsewhere.

plotly.js is several megabytes, so all pages share one copy that ``site.build`` writes; a page names it relatively.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import timeline
from harness.events import AddressesSeen, Event
from harness.judges.streams import UNMEASURED, good
from harness.record import Record, Traffic
from harness.reporting import markup, palette, series
from harness.reporting.series import Axis
from harness.requests import Outcome, address_text
from harness.timeline import of
from harness.verdicts import Verdict, worst

PLOTLY_FILE = "plotly.min.js"
FROM_RUN = f"../../../site/{PLOTLY_FILE}"
"""Where a page finds plotly.js from a run's own folder, ``reports/runs/SESSION/RUN``."""
FROM_SITE = f"../../../{PLOTLY_FILE}"
"""The same from the page's copy in the site, ``reports/site/runs/SESSION/RUN``."""
POINTS = 20_000
"""So many requests are drawn at most; every bad one is kept as long as they are at most half of these."""
DRAWN = 6_000
"""Up to so many requests are drawn as SVG, which needs no WebGL."""
EVENTS = 5_000
POLICY = (
    "default-src 'none'; script-src 'self' file: 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src 'self' file: data: blob:; connect-src 'none'"
)

_SCRIPT = """
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const ink = dark ? "#e6edf3" : "#1f2328", rule = dark ? "#30363d" : "#d0d7de";
const figure = JSON.parse(document.getElementById("figure").textContent);
const plot = document.getElementById("plot");
if (window.Plotly) {
  const layout = figure.layout;
  Object.assign(layout, {paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: {color: ink, size: 12}});
  for (const name of Object.keys(layout)) {
    if (/^[xy]axis/.test(name)) Object.assign(layout[name], {gridcolor: rule, linecolor: rule, zerolinecolor: rule});
  }
  Plotly.newPlot(plot, figure.data, layout, {displaylogo: false, responsive: true, scrollZoom: true});
} else {
  plot.textContent = "The chart needs plotly.min.js, which `gameday report` writes into reports/site.";
}
const wanted = document.getElementById("wanted"), rows = [...document.querySelectorAll("#events tr")].slice(1);
wanted.addEventListener("input", () => {
  const words = wanted.value.toLowerCase().split(/\\s+/);
  for (const row of rows) row.hidden = !words.every(word => row.textContent.toLowerCase().includes(word));
});
"""


def page(record: Record, verdicts: Sequence[Verdict]) -> str:
    """The page of a run, killed or whole; about a hundred bytes for each request."""
    header = record.header
    shown = series.axis(record)
    figure = json.dumps(_figure(record, shown), separators=(",", ":")).replace("</", "<\\/")
    reasons = "".join(
        f"<p>{markup.badge(one.ruling)} {markup.escape(one.promise.replace('_', ' '))}: {markup.escape(one.reason)}</p>"
        for one in verdicts
    )
    damage = "".join(f"<p>{markup.escape(note)}</p>" for note in record.damage)
    events = record.events[:EVENTS]
    more = f'<p class="faint">and {len(record.events) - EVENTS} more in timeline.jsonl</p>'
    body = (
        f"<h1>{markup.escape(header.title)} {markup.badge(worst(one.ruling for one in verdicts))}</h1>\n"
        f'<p class="faint">{markup.escape(header.scenario)} · {markup.escape(header.design_version)} · '
        f"speed {header.speed:g} · {len(record.traffic)} requests · {len(record.events)} events</p>\n{reasons}{damage}"
        f'<div id="plot"><noscript>The chart needs scripts: open this page in a window of its own.</noscript></div>\n'
        f'<script type="application/json" id="figure">{figure}</script>\n'
        '<h2>Events</h2>\n<p><input id="wanted" type="search" placeholder="words to look for" size="40"></p>\n'
        f'<div class="wide" id="events">{_events(events, shown)}</div>{more if len(record.events) > EVENTS else ""}\n'
        f"<script>{_SCRIPT}</script>"
    )
    return markup.page(header.title, body, POLICY, f'<script src="{FROM_RUN}"></script>\n')


def _figure(record: Record, shown: Axis) -> dict[str, Any]:
    """Plotly's own form: one panel of requests for each location, one of lag where it was measured, shared time."""
    places = record.header.locations
    lags = series.lags(record, shown)
    panels = [*places, *(["replica lag"] if lags else [])]
    data = [trace for number, place in enumerate(places) for trace in _requests(record, place, shown, number)]
    named: set[str] = set()
    for trace in data:
        trace["showlegend"] = trace["name"] not in named
        named.add(trace["name"])
    for replica, (times, values) in lags.items():
        data.append({
            "x": _rounded(times), "y": _rounded(values), "name": f"lag of {replica}", "mode": "lines+markers",
            "type": "scatter", "yaxis": _axis("y", len(places)), "marker": {"size": 4},
        })  # fmt: skip
    layout: dict[str, Any] = {
        "height": 130 + 190 * max(1, len(panels)),
        "margin": {"l": 70, "r": 20, "t": 30, "b": 45},
        "hovermode": "closest",
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom"},
        "xaxis": {"title": {"text": f"AWS seconds since {shown.since}"}, "anchor": _axis("y", len(panels) - 1)},
        "shapes": [
            {"type": "rect", "xref": "x", "yref": "paper", "x0": span.began, "x1": span.ended, "y0": 0, "y1": 1,
             "fillcolor": palette.FAULT, "opacity": 0.18, "line": {"width": 0}, "layer": "below"}
            for span in series.faults(record, shown)
        ],
    }  # fmt: skip
    height = 1 / max(1, len(panels))
    for number, name in enumerate(panels):
        top = 1 - number * height
        strange = f" ({UNMEASURED})" if name in record.header.unmeasured else ""
        layout[f"yaxis{number + 1 if number else ''}"] = {
            "title": {"text": f"{name}, s{strange}"},
            **({} if name == "replica lag" else {"type": "log", "dtick": 1, "matches": "y" if number else None}),
            "domain": [max(0.0, top - height * 0.88), top],
        }
    return {"data": data, "layout": layout}


def _requests(record: Record, place: str, shown: Axis, panel: int) -> list[dict[str, Any]]:
    """The requests of one location, a trace for each outcome."""
    rows = series.rows_of(record, place)
    flags = good(record, rows)
    kept = _decimated(flags, POINTS // max(1, len(record.header.locations)))
    rows, flags = rows[kept], flags[kept]
    traces = []
    for outcome in np.unique(rows["outcome"]).tolist():
        for well in (True, False):
            part = rows[(rows["outcome"] == outcome) & (flags == well)]
            if len(part):
                name = _name(outcome) if well or outcome else "good, but late"
                traces.append(_trace(record, part, shown, panel, name, well))
    return traces


def _trace(record: Record, rows: Traffic, shown: Axis, panel: int, name: str, well: bool) -> dict[str, Any]:
    regions = {address: seen.region for seen in of(record.events, AddressesSeen) for address in seen.addresses}
    operations = record.header.operations
    served = {int(code): address_text(code) for code in np.unique(rows["address"])}
    where = {code: regions.get(address, address or "nobody") for code, address in served.items()}
    told = [
        f"{operations[operation]} {status or 'no status'} from {where[address]}"
        for operation, status, address in zip(
            rows["operation"].tolist(), rows["status"].tolist(), rows["address"].tolist(), strict=True
        )
    ]
    return {
        "x": _rounded(shown.of(rows["intended"])),
        "y": _rounded(np.maximum((rows["done"] - rows["intended"]) / 1e9, 1e-3)),
        "text": told,
        "hovertemplate": "%{x:.3f} s, took %{y:.3f} s<br>%{text}",
        "name": name,
        "legendgroup": name,
        "type": "scatter" if len(record.traffic) <= DRAWN else "scattergl",
        "mode": "markers",
        "yaxis": _axis("y", panel),
        "marker": {
            "size": 4 if well else 6,
            "symbol": "circle" if well else "x",
            "color": palette.REGIONS[0] if well else palette.BAD,
        },
    }


def _decimated(flags: npt.NDArray[np.bool_], limit: int) -> npt.NDArray[np.int64]:
    """Which rows to draw: the bad ones first, then good ones evenly; in order."""
    bad, well = np.flatnonzero(~flags), np.flatnonzero(flags)
    bad = bad[:: max(1, -(-len(bad) // max(1, limit // 2)))]
    well = well[:: max(1, -(-len(well) // max(1, limit - len(bad))))]
    kept: npt.NDArray[np.int64] = np.sort(np.concatenate((bad, well)))
    return kept


def _events(events: Sequence[Event], shown: Axis) -> str:
    rows = []
    for event in events:
        values = timeline.to_json(event)
        told = ", ".join(f"{name}={_plain(value)}" for name, value in values.items() if name not in ("at", "kind"))
        rows.append(
            f'<tr><td class="number">{shown.at(event.at):.3f}</td><td class="number">{event.at}</td>'
            f"<td>{markup.escape(event.kind)}</td><td>{markup.escape(told)}</td></tr>"
        )
    head = f"<tr><th>s since {markup.escape(shown.since)}</th><th>AWS time</th><th>kind</th><th>what</th></tr>"
    return f"<table>{head}\n" + "\n".join(rows) + "</table>"


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _name(outcome: int) -> str:
    known = outcome in {one.value for one in Outcome}
    return Outcome(outcome).name.lower().replace("_", " ") if known else f"outcome {outcome}"


def _axis(letter: str, number: int) -> str:
    return letter if number < 1 else f"{letter}{number + 1}"


def _rounded(values: npt.NDArray[np.float64]) -> list[float]:
    rounded: list[float] = np.round(values, 3).tolist()
    return rounded
