"""All runs of a session together: ``verdict.json``, JUnit XML, Markdown. Pure Python: needs no Node."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from harness.record import Record
from harness.reporting.finished import Finished
from harness.reporting.telling import FORMAT, VERDICT_FILE
from harness.verdicts import Outcome, Ruling, Verdict, exit_code, strongest, worst

JUNIT_FILE = "junit.xml"
MARKDOWN_FILE = "summary.md"


def write(folder: Path, finished: Sequence[Finished]) -> dict[str, Any]:
    """Write the three files into ``folder`` and return what ``verdict.json`` says."""
    told = to_json(finished)
    (folder / VERDICT_FILE).write_text(json.dumps(told, indent=1) + "\n")
    (folder / JUNIT_FILE).write_bytes(junit(told))
    (folder / MARKDOWN_FILE).write_text(markdown(told))
    return told


def to_json(finished: Sequence[Finished]) -> dict[str, Any]:
    """The whole session as plain JSON values."""
    runs = []
    for one in finished:
        run = json.loads((one.folder / VERDICT_FILE).read_text())
        run["run"] = f"{one.folder.parent.name}/{one.folder.name}"
        run["outcome"] = one.outcome.value
        runs.append(run)
    return {
        "format": FORMAT,
        "ruling": worst(one.ruling for one in finished).name,
        "exit_code": int(strongest(exit_code(one.outcome, one.ruling) for one in finished)),
        "speed": runs[0]["speed"] if runs else None,
        "runs": runs,
    }


def markdown(told: Mapping[str, Any]) -> str:
    """The session as a table for the terminal, a pull request or a step summary."""
    ruling = Ruling[told["ruling"]]
    lines = [
        "",
        f"## Game day: {ruling.wording}",
        "",
        "| scenario | promise | verdict | RTO | lost | recovered | duplicated | stranded | why |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for run in told["runs"]:
        for number, verdict in enumerate(run["verdicts"]):
            name = f"{run['run'].partition('/')[2]}" if number == 0 else ""
            figures = verdict["figures"]
            cells = [name, verdict["promise"], verdict["ruling"], _rto(figures)]
            cells += [_count(figures, key) for key in ("lost", "recovered", "duplicated", "stranded")]
            lines.append(f"| {' | '.join([*cells, verdict['reason'].replace('|', '/')])} |")
    lines += ["", f"Speed {told['speed']:g}; exit code {told['exit_code']}." if told["runs"] else "Nothing ran.", ""]
    return "\n".join(lines)


def lines(record: Record, verdicts: Sequence[Verdict]) -> str:
    """One run's verdicts as plain lines."""
    outcome = record.header.outcome or "never ended"
    head = f"{record.header.scenario}: {outcome.value if isinstance(outcome, Outcome) else outcome}\n"
    return head + "".join(f"  {one.ruling.name:<8}{one.promise}: {one.reason}\n" for one in verdicts)


def junit(told: Mapping[str, Any]) -> bytes:
    """The session as JUnit XML: BROKEN is a failure, UNKNOWN an error, so that neither passes anywhere."""
    root = ElementTree.Element("testsuites", name="gameday")
    for run in told["runs"]:
        suite = ElementTree.SubElement(root, "testsuite", name=run["scenario"], tests=str(len(run["verdicts"])))
        counts = {"failures": 0, "errors": 0}
        for verdict in run["verdicts"]:
            case = ElementTree.SubElement(suite, "testcase", classname=run["scenario"], name=verdict["promise"])
            if verdict["ruling"] == "BROKEN":
                counts["failures"] += 1
                ElementTree.SubElement(case, "failure", message=verdict["reason"])
            elif verdict["ruling"] == "UNKNOWN":
                counts["errors"] += 1
                ElementTree.SubElement(case, "error", message=verdict["reason"])
        for name, count in counts.items():
            suite.set(name, str(count))
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _rto(figures: Mapping[str, Any]) -> str:
    value = figures.get("rto_seconds")
    if value is None:
        return ""
    return f"{value:.1f} ± {figures.get('rto_error_seconds') or 0:.1f} s"


def _count(figures: Mapping[str, Any], key: str) -> str:
    value = figures.get(key, figures.get(f"{key}_rows"))
    return "" if value is None else str(value)
