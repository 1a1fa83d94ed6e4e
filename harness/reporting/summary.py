"""All runs of a session together: ``verdict.json``, JUnit XML, Markdown. Pure Python: needs no Node."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from harness.record import Record
from harness.reporting import figures
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
        "| scenario | promise | verdict | RTO | lost | recovered | duplicated | stranded | alarm delay | why |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for run in told["runs"]:
        for number, verdict in enumerate(run["verdicts"]):
            name = _name(run) if number == 0 else ""
            found = verdict["figures"]
            cells = [name, verdict["promise"], verdict["ruling"], figures.recovery(found)]
            cells += [figures.count(found, kind) for kind in figures.COUNTS]
            cells.append(figures.alarm(found))
            lines.append(f"| {' | '.join([*cells, _inline(verdict['reason'])])} |")
    lines += ["", f"Speed {told['speed']:g}; exit code {told['exit_code']}." if told["runs"] else "Nothing ran.", ""]
    return "\n".join(lines)


def lines(record: Record, verdicts: Sequence[Verdict]) -> str:
    """One run's verdicts as plain lines."""
    outcome = record.header.outcome or "never ended"
    head = f"{record.header.scenario}: {outcome.value if isinstance(outcome, Outcome) else outcome}\n"
    return head + "".join(f"  {one.ruling.name:<8}{one.promise}: {one.reason}\n" for one in verdicts)


def junit(told: Mapping[str, Any]) -> bytes:
    """The session as JUnit XML: BROKEN is a failure, UNKNOWN an error, so that neither passes anywhere.

    A run that did not finish has one more case that is an error, whatever its verdicts.
    """
    root = ElementTree.Element("testsuites", name="gameday")
    for run in told["runs"]:
        name = run["run"].partition("/")[2]
        suite = ElementTree.SubElement(root, "testsuite", name=name)
        for verdict in run["verdicts"]:
            case = ElementTree.SubElement(suite, "testcase", classname=name, name=verdict["promise"])
            _properties(case, verdict["figures"])
            tag = {"BROKEN": "failure", "UNKNOWN": "error"}.get(verdict["ruling"])
            if tag:
                ElementTree.SubElement(case, tag, message=_printable(verdict["reason"]))
        if run["outcome"] != Outcome.FINISHED.value or not run["verdicts"]:
            case = ElementTree.SubElement(suite, "testcase", classname=name, name="the run itself")
            ElementTree.SubElement(case, "error", message=f"the run ended otherwise than planned: {run['outcome']}")
        suite.set("tests", str(len(suite.findall("testcase"))))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
        suite.set("errors", str(len(suite.findall("testcase/error"))))
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _properties(case: ElementTree.Element, found: Mapping[str, Any]) -> None:
    """The verdict's figures under their own names; XML takes no control characters."""
    known = {name: value for name, value in found.items() if value is not None}
    if known:
        properties = ElementTree.SubElement(case, "properties")
        for name, value in known.items():
            ElementTree.SubElement(properties, "property", name=name, value=_printable(str(value)))


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _name(run: Mapping[str, Any]) -> str:
    """The run's folder, and how it ended when that was not as planned."""
    ended = "" if run["outcome"] == Outcome.FINISHED.value else f" ({run['outcome']})"
    return f"{run['run'].partition('/')[2]}{ended}"


def _inline(text: str) -> str:
    """Text that cannot break out of its cell."""
    return " ".join(text.split()).replace("|", "/")
