"""The page of one run: what broke, when, who noticed, how long each stage took, what was lost, what to change.

Everything below the first screen is the evidence for it. Needs no tool and no script.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.judges.streams import UNMEASURED
from harness.reporting import advice, figures, markup, references
from harness.reporting.changes_page import CHANGES_FILE
from harness.reporting.course import OBSERVER
from harness.reporting.dossier import Dossier
from harness.reporting.telling import CHART_FILE, PAGE_FILE, VERDICT_FILE, component
from harness.verdicts import Outcome, Ruling, exit_code

Run = Mapping[str, Any]
_NOTICED = ("alarm", "health check", "decision", "runbook", "somebody said")
"""Who of the course of events can have noticed something."""
_UNTIL = {"undone": "it was undone", "another fault": "another fault struck", "never undone": "the record ended"}
MANY = 200
"""So many rows of what is read from top to bottom."""
_FIRST = 6
"""So many of those who noticed are named; the course of events has all."""


def title(run: Run) -> str:
    """The scenario's title, with the parameter that tells its runs apart."""
    parameter = str(run["run"]).rpartition("/")[2].split(".")[2:]
    return " ".join([run["title"].rstrip("."), *(f"({one})" for one in parameter)])


def html(run: Run, dossier: Dossier, about: str, *, changes: bool = False) -> str:
    """The page; ``about``: what must be known of all its figures. ``changes``: the site has a page of changes."""
    links = [f'<a href="{PAGE_FILE}">every request and event</a>', f'<a href="{VERDICT_FILE}">{VERDICT_FILE}</a>']
    code = exit_code(_outcome(run), Ruling[run["ruling"]])
    links.append(f'<a href="../../../{references.runbook(code)}">runbook: exit code {int(code)}</a>')
    if changes:
        links.append(f'<a href="../../../{CHANGES_FILE}#{run["phase"]}">what to change in this design</a>')
    links.append(f'<a href="../../../{references.MEASURING_FILE}">what the figures mean</a>')
    shown = content(run, dossier, about, links=f"<p>{' · '.join(links)}</p>")
    return markup.beneath(title(run), shown, "../../../")


def content(run: Run, dossier: Dossier, about: str, chart: str = CHART_FILE, links: str = "") -> list[str]:
    """The page without its frame; ``chart`` is the picture's address, ``links`` what stands below it."""
    ruling = Ruling[run["ruling"]]
    body = [
        f"<h1>{markup.escape(title(run))} {markup.badge(ruling, ruling.wording)}</h1>",
        f'<p class="faint">{markup.escape(run["scenario"])} · {markup.escape(about)} · '
        f"run {markup.escape(run['outcome'])}</p>",
        _clock(float(run["speed"])),
        f'<p><img src="{chart}" alt="requests, latency, and what the platform did, on one axis of time"></p>',
        links,
        "<h2>In short</h2>",
        _in_short(run, dossier),
        "<h2>Verdicts</h2>",
        _verdicts(run["verdicts"]),
        *_extent(run),
    ]
    for name, rows in (("Where the time went", run["anatomy"]), ("Faults", run.get("faults", ()))):
        if rows:
            body += [f"<h2>{name}</h2>", markup.table(rows)]
    body += [
        "<h2>Course of events</h2>",
        markup.folded(f"{len(dossier.course)} events", markup.table(dossier.course, MANY, "timeline.jsonl")),
    ]
    body += ["<h2>Evidence</h2>", *_evidence(run), *_dossier(run, dossier)]
    more = references.of_component(component(run["scenario"].rpartition("/")[2]))
    if more:
        named = " · ".join(f'<a href="{one.address}">{markup.escape(one.title)}</a>' for one in more)
        body.append(f"<p>In AWS's own words: {named}</p>")
    trouble = (*_elsewhere(run["client"]), *run["damage"], *dossier.trouble)
    body += [f"<p>{markup.escape(part)}</p>" for part in trouble]
    body += ["<h2>The scenario</h2>", *(f"<p>{markup.escape(part)}</p>" for part in run["story"].split("\n\n"))]
    return [part for part in body if part]


def _clock(speed: float) -> str:
    if speed == 1:
        return ""
    return (
        f'<p class="faint">All times are AWS time. At speed {speed:g} its clock runs {speed:g} times as fast as yours, '
        "and so ahead of it; latencies are only comparable at speed 1.</p>"
    )


def _outcome(run: Run) -> Outcome:
    return next((one for one in Outcome if one.value == run["outcome"]), Outcome.ABORTED)


def _in_short(run: Run, dossier: Dossier) -> str:
    """Answers to what somebody asks who was not there."""
    rows = [
        ("what broke", _broke(run)),
        ("when", _when(run)),
        ("who noticed", _noticed(dossier)),
        ("how long each stage took", _stages(run)),
        ("what was lost", _lost(run)),
        ("what to change", advice.told(run)),
        ("put back", _put_back(run, dossier)),
    ]
    told = "\n".join(f"<tr><th>{name}</th><td>{answer}</td></tr>" for name, answer in rows if answer)
    return f'<table class="short">{told}</table>'


def _broke(run: Run) -> str:
    bad = [one for one in run["verdicts"] if Ruling[one["ruling"]] is not Ruling.KEPT]
    if not bad:
        return "nothing: every promise was kept" if run["verdicts"] else "nothing was judged"
    return "<br>".join(
        f"{markup.badge(Ruling[one['ruling']])} {markup.escape(one['promise'].replace('_', ' '))}: "
        f"{markup.escape(one['reason'])}"
        for one in bad
    )


def _when(run: Run) -> str:
    told = []
    for one in run.get("faults", ()):
        ended = one.get("ended_by") or "never undone"
        told.append(f"{one['fault']} at {one['at']}, for {one['seconds']:g} s, until {_UNTIL.get(ended, ended)}")
    for one in figures.recoveries(run["verdicts"]):
        took, goal = figures.recovery(one), one.get("objective_seconds")
        back = f"still down after {took[2:]}" if took.startswith("> ") else f"back after {took}"
        back = back if one.get("down_seconds") else "not disturbed"
        owed = f", {goal:g} s are owed" if isinstance(goal, int | float) else ""
        told.append(f"{one['worst_operation']} from {one['worst_location']}: {back}{owed}")
    found = figures.merged(run["verdicts"])
    if "healed_seconds" in found:
        healed = found["healed_seconds"]
        never = "not all was seen to be good again before the traffic ended"
        told.append(never if healed is None else f"all was good again {healed:g} s after it was undone")
    return "<br>".join(map(markup.escape, told)) or "no fault was injected"


def _noticed(dossier: Dossier) -> str:
    after = [row for row in dossier.course if row["who"] in _NOTICED and float(row["seconds"] or 0) >= 0]
    told = [f"{row['seconds']:.1f} s: {row['who']}: {row['what']}" for row in after[:_FIRST]]
    told += [f"and {len(after) - _FIRST} more, below"] if len(after) > _FIRST else []
    blind = [row for row in dossier.course if row["who"] == OBSERVER and float(row["seconds"] or 0) >= 0]
    told = told or ["nobody, as far as could be seen" if blind else "no alarm, no health check, nobody"]
    told += [f"{row['seconds']:.1f} s: {row['what']}" for row in blind[:_FIRST]]
    return "<br>".join(map(markup.escape, told))


def _stages(run: Run) -> str:
    told: dict[str, list[str]] = {}
    for stage in run["anatomy"]:
        if not stage["seconds"]:
            continue
        budget = stage["budget_seconds"]
        within = "" if budget is None else f" (budget {budget:g} s)"
        whose = f"{stage['operation']} from {stage['location']}"
        told.setdefault(whose, []).append(f"{stage['stage']} {stage['seconds']:.1f} s{within}")
    return "<br>".join(markup.escape(f"{whose}: {', '.join(parts)}") for whose, parts in told.items())


def _lost(run: Run) -> str:
    found = figures.merged(run["verdicts"])
    told = []
    if found.get("lost_writes") is not None:
        rest = [f"{figures.count(found, kind)} {kind}" for kind in ("duplicated", "stranded")]
        told.append(f"{found['lost_writes']} of {found['acknowledged_writes']} acknowledged writes; {', '.join(rest)}")
    if found.get("unknown_writes"):
        told.append(
            f"{found['unknown_writes']} more writes got no answer that tells (time-outs, resets), "
            f"of which {found['recovered_writes']} are stored"
        )
    if found.get("lost_jobs") is not None:
        told.append(f"{found['lost_jobs']} of {found['processed']} jobs; {found['doubled_jobs']} ran more than once")
    return "<br>".join(map(markup.escape, told))


def _put_back(run: Run, dossier: Dossier) -> str:
    pending = sum(row["done"] == "pending" for row in dossier.undo)
    world = run.get("world")
    acts = "1 act" if len(dossier.undo) == 1 else f"{len(dossier.undo)} acts"
    told = [f"{acts}, {pending} pending" if dossier.undo else "nothing had to be undone"]
    if world is None:
        told.append("the world was not compared")
    else:
        told.append(f"{world['compared']} things compared, {len(world['differences'])} differ")
        told += [*world["differences"], *world["moved"]]
    if run["outcome"] == Outcome.UNDO_FAILED.value:
        told.insert(0, "the undo failed: gameday undo")
    return "<br>".join(map(markup.escape, told))


def _verdicts(verdicts: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for verdict in verdicts:
        faith = "" if verdict["fidelity"] == "faithful" else f' <span class="faint">({verdict["fidelity"]})</span>'
        name = f"{markup.escape(verdict['promise'].replace('_', ' '))}{faith}"
        ruled = markup.badge(Ruling[verdict["ruling"]])
        rows.append(f"<tr><td>{ruled}</td><td>{name}</td><td>{markup.escape(verdict['reason'])}</td></tr>")
    return f"<table><tr><th></th><th>promise</th><th>why</th></tr>\n{''.join(rows)}</table>"


def _extent(run: Run) -> Iterator[str]:
    """For each fault that was felt: how long each operation was down at each location."""
    rows = figures.streams(run["verdicts"])
    for fault in dict.fromkeys(str(row["fault"]) for row in rows if row.get("down_seconds")):
        own = {(row["operation"], row["location"]): row for row in rows if row["fault"] == fault}
        places = list(dict.fromkeys(str(location) for _, location in own))
        body = "\n".join(
            f"<tr><td>{markup.escape(operation)}</td>{''.join(_down(own.get((operation, one))) for one in places)}</tr>"
            for operation in dict.fromkeys(operation for operation, _ in own)
        )
        heads = "".join(f"<th>{markup.escape(place)}</th>" for place in places)
        yield f"<h2>Who was down, and for how long: {markup.escape(fault)}</h2>"
        yield f'<table class="short"><tr><th>operation</th>{heads}</tr>\n{body}</table>'


def _down(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "<td></td>"
    if not row["down_seconds"]:
        return '<td class="faint">not disturbed</td>'
    return f"<td>{markup.badge(Ruling[row['ruling']], figures.recovery(row))}</td>"


def _evidence(run: Run) -> Iterator[str]:
    for verdict in run["verdicts"]:
        name = verdict["promise"].replace("_", " ")
        if verdict["figures"]:
            rows = [{"figure": figure, "value": value} for figure, value in verdict["figures"].items()]
            yield markup.folded(f"{name}: figures", markup.table(rows))
        for table, rows in verdict["evidence"].items():
            yield markup.folded(f"{name}: {table.replace('_', ' ')}", markup.table(rows))


def _dossier(run: Run, dossier: Dossier) -> Iterator[str]:
    yield markup.folded("AWS calls that change something", markup.table(dossier.changes, MANY, "calls.jsonl"))
    yield markup.folded("the journal: what undoes them", markup.table(dossier.undo, MANY, "undo.jsonl"))
    yield markup.folded("AWS calls that only look", markup.table(dossier.looks))
    yield markup.folded("the configuration before", markup.table(dossier.configuration, MANY, "world-before.json"))
    world = run.get("world")
    if world is not None:
        rows = [{"kind": kind, "what": one} for kind in ("differences", "residue", "moved") for one in world[kind]]
        none = f"<p>{world['compared']} things compared, none differs.</p>"
        yield markup.folded("the world after against the world before", markup.table(rows) or none)
    rows = [
        {name: row.get(name) for name in ("failure", "kind", "location", "best_seconds", "typical_seconds",
                                          "worst_seconds", "objective_seconds", "ruling", "reason")}
        for row in run["feasibility"].get("rows", ())
    ]  # fmt: skip
    yield markup.folded("feasibility: what the configuration allows", markup.table(rows))


def _elsewhere(client: Mapping[str, Any]) -> list[str]:
    """What is to be known of load that did not run where its clients are, or not on the harness's own machine."""
    places = client.get("unmeasured", ())
    told = [f"Latencies from {', '.join(places)}: {UNMEASURED}, load was only routed as from there."] if places else []
    return told + [
        f"Times from {place} are another machine's: they may be off by up to {error * 1000:.1f} ms, either way."
        for place, error in client.get("clock_error_seconds", {}).items()
    ]
