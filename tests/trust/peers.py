"""`python -m tests.trust.peers`: the same outages for the harness, plain Locust and Chaos Toolkit, side by side.

Plain Locust is a closed loop of users that are told to arrive at the same rate; its recovery times are read from
its own history (``--csv-full-history``, a row a second). Chaos Toolkit asks its hypothesis continuously, once a second;
its recovery times are read from its journal. Each is set up as its own documentation begins, with our deadline:
https://docs.locust.io/en/stable/retrieving-stats.html
https://chaostoolkit.org/reference/usage/run/#hypothesis-strategy
"""

from __future__ import annotations

import csv
import datetime
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from harness.clock import Instant, real_sleep
from tests.trust.outages import KINDS, MILLISECOND, Outage
from tests.trust.replay import HOME, OPERATION, RATE, Replay, Stage, ahead, measure, replay

CHAOS = ("chaostoolkit==1.19.0", "chaostoolkit-lib==1.44.0")
VENV = HOME / "build" / "peers"
STAGE = Stage(places=("here",), calm=3_000 * MILLISECOND, in_flight=1000, others=2)
OURS, LOCUST, TOOLKIT = range(3)
_SPANS = (1700, 900, 1300, 2100, 800, 1500, 1900, 1600, 1100)
_LONG = 3_000
_LOCUST_START = 4.0
_PLAIN = Path(__file__).with_name("plain_locustfile.py")


@dataclass(frozen=True)
class Reading:
    """What a tool says of one outage. Milliseconds; ``None``: nothing was seen."""

    outage: Outage
    rto: float | None
    read: int
    """Requests of this tool that the server read while the outage lasted."""

    @property
    def truth(self) -> float:
        """How long clients were without service."""
        return self.outage.truth(OURS, STAGE.deadline) / 1e6


@dataclass(frozen=True)
class Tool:
    """What a tool says of all outages, and what it kept."""

    name: str
    readings: tuple[Reading, ...]
    bytes_per_request: float
    exit_code: int | None


def outages() -> tuple[Outage, ...]:
    """One of each kind that everybody meets, and a hang of three seconds."""
    kinds = [kind for kind in KINDS if kind not in ("one_location", "flapping")]
    found, at = [], 1_000
    for number, (kind, span) in enumerate(zip([*kinds, "hang"], [*_SPANS[: len(kinds)], _LONG], strict=True)):
        edges = (at * MILLISECOND, (at + span) * MILLISECOND)
        found.append(Outage(number, kind, kind, (OURS, LOCUST, TOOLKIT), (edges,)))
        at += span + 3_137
    return tuple(found)


def chaos() -> tuple[Path | None, str]:
    """Chaos Toolkit's command in an environment of its own, made when it is not there; or why there is none."""
    command = VENV / "bin" / "chaos"
    if command.exists():
        return command, ""
    try:
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True, capture_output=True, timeout=120)
        pip = [str(VENV / "bin" / "pip"), "--disable-pip-version-check", "install", "-q", "--retries", "1", *CHAOS]
        subprocess.run(pip, check=True, capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        told = getattr(error, "stderr", None) or error
        return None, str(told).strip().splitlines()[-1][:100]
    return command, ""


def _experiment(port: int, lasts: float) -> dict[str, Any]:
    url = f"http://127.0.0.{TOOLKIT + 1}:{port}/api/v1/ponder/events?limit=5"
    provider = {"type": "http", "url": url, "timeout": STAGE.deadline / 1e9}
    probe = {"type": "probe", "name": "it-answers", "tolerance": 200, "provider": provider}
    pause = {"type": "process", "path": "sleep", "arguments": str(lasts)}
    return {
        "title": "outages", "description": "of one service", "contributions": {},
        "steady-state-hypothesis": {"title": "it answers", "probes": [probe]},
        "method": [{"type": "action", "name": "wait", "provider": pause}], "rollbacks": [],
    }  # fmt: skip


@contextmanager
def _beside(port: int, folder: Path, chaos_command: Path | None, lasts: float, ended: dict[str, int]) -> Iterator[None]:
    """Both peers, running until the context is left; their exit codes in ``ended``."""
    locust = [
        sys.executable, "-m", "locust", "-f", str(_PLAIN), "--headless", "--users", str(round(RATE)),
        "--spawn-rate", str(round(RATE)), "--csv", str(folder / "locust"), "--csv-full-history", "--only-summary",
        "--host", f"http://127.0.0.{LOCUST + 1}:{port}",
    ]  # fmt: skip
    commands = {"Locust": locust}
    if chaos_command is not None:
        (folder / "experiment.json").write_text(json.dumps(_experiment(port, lasts)))
        run = ["run", "--hypothesis-strategy", "continuously", "--hypothesis-frequency", "1.0"]
        commands["Chaos Toolkit"] = [
            str(chaos_command), "--log-file", str(folder / "chaos.log"), *run,
            "--journal-path", str(folder / "journal.json"), str(folder / "experiment.json"),
        ]  # fmt: skip
    with ExitStack() as stack:
        logs = {name: stack.enter_context((folder / f"{name}.log").open("wb")) for name in commands}
        running = {
            name: subprocess.Popen([*ahead(), *command], cwd=folder, stdout=logs[name], stderr=subprocess.STDOUT)
            for name, command in commands.items()
        }
        real_sleep(_LOCUST_START)
        try:
            yield
        finally:
            running["Locust"].terminate()
            for name, child in running.items():
                ended[name] = child.wait(60)


def _of_locust(folder: Path, played: Replay, code: int | None) -> Tool:
    path = folder / "locust_stats_history.csv"
    with path.open() as history:
        rows = [row for row in csv.DictReader(history) if row["Name"] == "Aggregated"]
    counts = [(int(row["Timestamp"]), int(row["Total Request Count"]), int(row["Total Failure Count"])) for row in rows]
    sick = [new[0] for old, new in pairwise(counts) if new[2] > old[2]]
    readings = []
    for one in played.outages:
        began, ended = _seconds(played, one.began), _seconds(played, one.ended + STAGE.calm)
        seen = [second for second in sick if began - 1 <= second - 0.5 < ended]
        rto = (max(seen) - min(seen) + 1) * 1000.0 if seen else None
        readings.append(Reading(one, rto, played.read(one.number, LOCUST)))
    return Tool("Locust's history", tuple(readings), path.stat().st_size / max(1, counts[-1][1]), code)


def _of_chaos(folder: Path, played: Replay, code: int | None) -> Tool:
    path = folder / "journal.json"
    journal = json.loads(path.read_text())
    asked = [
        (_epoch(state["probes"][0]["start"]), bool(state["steady_state_met"]))
        for state in journal["steady_states"]["during"]
        if state["probes"]
    ]
    readings = []
    for one in played.outages:
        began, ended = _seconds(played, one.began), _seconds(played, one.ended + STAGE.calm)
        bad = [at for at, met in asked if not met and began - 0.5 <= at < ended]
        back = [at for at, met in asked if met and bad and at > bad[-1]]
        rto = (back[0] - bad[0]) * 1000.0 if back else None
        readings.append(Reading(one, rto, played.read(one.number, TOOLKIT)))
    return Tool("Chaos Toolkit", tuple(readings), path.stat().st_size / max(1, len(asked)), code)


def _of_ours(played: Replay) -> Tool:
    found = [Reading(one.outage, one.rto, played.read(one.outage.number, OURS)) for one in measure(played, STAGE)]
    return Tool("gameday", tuple(found), 64.0, None)


def _seconds(played: Replay, offset: int) -> float:
    return Instant(played.zero.nanoseconds + offset).epoch_seconds


def _epoch(text: str) -> float:
    moment = datetime.datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()


def compared(folder: Path) -> tuple[list[Tool], str]:
    """Each tool's account of the same outages; and why a tool is missing, if one is."""
    command, problem = chaos()
    planned, ended = outages(), dict[str, int]()
    lasts = (planned[-1].ended + STAGE.calm) / 1e9 + 7
    played = replay(folder, planned, STAGE, lambda port: _beside(port, folder, command, lasts, ended))
    tools = [_of_ours(played), _of_locust(folder, played, ended.get("Locust"))]
    if command is not None:
        tools.append(_of_chaos(folder, played, ended.get("Chaos Toolkit")))
    return tools, f"Chaos Toolkit is not installed: {problem}" if command is None else ""


def table(tools: Sequence[Tool]) -> str:
    """Outage by outage, then what each tool kept."""
    lines = [f"{'outage':<10}{'true ms':>9}" + "".join(f"{tool.name:>20}" for tool in tools)]
    for readings in zip(*(tool.readings for tool in tools), strict=True):
        cells = [
            "not seen" if one.rto is None or not one.rto else f"{one.rto:.0f} ({one.rto - one.truth:+.0f})"
            for one in readings
        ]
        lines.append(
            f"{readings[0].outage.kind:<10}{readings[0].truth:>9.0f}" + "".join(f"{cell:>20}" for cell in cells)
        )
    lines.append(_line("|RTO error| median, ms", [f"{statistics.median(_errors(tool)):.0f}" for tool in tools]))
    lines.append(_line("|RTO error| worst, ms", [f"{max(_errors(tool)):.0f}" for tool in tools]))
    lines.append(_line("kept in a 3 s hang", [_kept(tool) for tool in tools]))
    lines.append(_line("bytes a request", [f"{tool.bytes_per_request:.0f}" for tool in tools]))
    codes = ["by verdict" if tool.exit_code is None else str(tool.exit_code) for tool in tools]
    return "\n".join([*lines, _line("exit code", codes)])


def _line(name: str, cells: Sequence[str]) -> str:
    return f"{name:<19}" + f"{cells[0]:>20}" + "".join(f"{cell:>20}" for cell in cells[1:])


def _errors(tool: Tool) -> list[float]:
    return [abs((one.rto or 0.0) - one.truth) for one in tool.readings]


def _kept(tool: Tool) -> str:
    planned = RATE * _LONG / 1000 if tool.name != "Chaos Toolkit" else _LONG / 1000
    return f"{tool.readings[-1].read} of {planned:.0f}"


def main() -> int:
    """Print the comparison. Exits 1 when the harness itself measured worse than a peer or dropped arrivals."""
    with tempfile.TemporaryDirectory() as folder:
        tools, problem = compared(Path(folder))
    print(f"the same outages in one run, {RATE:g} arrivals/s of {OPERATION}; milliseconds (error)")
    print(table(tools))
    print("Plain Locust keeps its arrivals in a hang only as its time-out is shorter than a user's second.")
    if problem:
        print(problem)
    ours, *others = tools
    behind = any(max(_errors(ours)) > max(_errors(other)) for other in others)
    dropped = ours.readings[-1].read < 0.99 * RATE * _LONG / 1000
    print("MISSED: a peer measured better, or arrivals were dropped" if behind or dropped else "ok")
    return int(behind or dropped)


if __name__ == "__main__":
    sys.exit(main())
