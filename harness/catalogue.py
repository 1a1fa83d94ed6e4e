"""The scenarios as a table of contents, read without importing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import faults, objectives, script
from harness.card import CADENCES, Card
from harness.clock import Duration
from harness.errors import BadInput
from harness.expectations import Expectation, Key, parse
from harness.faults import Fidelity
from harness.objectives import Objectives
from harness.phases import PHASES
from harness.script import Kind, Script

SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"

OWED: Mapping[str, tuple[str, ...]] = {
    "recovery": ("recovery_time", "write_recovery_time"),
    "no_lost_writes": ("lost_writes",),
    "bounded_loss": ("loss_span",),
    "lag_alarm": ("lag_threshold", "alarm_delay", "alarm_clear"),
    "bounded_staleness": ("staleness",),
    "routing": (),
    "failback": ("failback_time",),
    "undisturbed": ("success_ratio",),
    "jobs_exactly_once": (),
    "automatic": (),
    "single_writer": (),
    "no_false_alarm": (),
    "low_lag": ("calm_lag",),
    "sessions": (),
    "writer_home": ("writer_home_time", "interruption_time"),
    "alarm_rings": ("alarm_delay",),
    "split_reads": ("success_ratio",),
    "ready_standby": ("scale_time",),
    "fresh_roles": ("role_staleness",),
}
"""The objectives that each promise is held against."""

_WORDS = {
    "recovery_time": "RTO {}",
    "write_recovery_time": "writes {}",
    "lost_writes": "loss {} rows",
    "loss_span": "loss {}",
    "lag_threshold": "lag {}",
    "alarm_delay": "alarm {}",
    "alarm_clear": "clear {}",
    "staleness": "stale {}",
    "calm_lag": "lag in calm {}",
    "role_staleness": "old roles {}",
    "failback_time": "failback {}",
    "writer_home_time": "writer home {}",
    "interruption_time": "interruption {}",
    "scale_time": "full size {}",
    "success_ratio": "{} good",
}
_FAITH = (Fidelity.FAITHFUL, Fidelity.PARTIAL, Fidelity.TWIN_ONLY)


@dataclass(frozen=True)
class Entry:
    """One scenario: its path on the command line and everything that its module and its objectives say."""

    path: str
    phase: str
    title: str
    story: str
    card: Card
    promises: tuple[str, ...]
    breaking: tuple[str, ...]
    """The promises that nobody can keep under its faults, and that it must show to break."""
    faults: tuple[str, ...]
    """What it injects, as written in the script."""
    kinds: tuple[Kind, ...]
    objectives: Mapping[str, Duration | float | int]
    """What its promises are held against; no more."""
    script: Script
    """Everything that its module says."""

    @property
    def file(self) -> Path:
        """The scenario's module."""
        return SCENARIOS / f"{self.path}.py"

    @property
    def verdicts(self) -> tuple[str, ...]:
        """What its verdicts are of, by the names that :func:`harness.judges.bench.judge` gives them."""
        return (*self.promises, *map(objectives.breaks, self.breaking))

    @property
    def owed(self) -> str:
        """The objectives in words, e.g. ``RTO 60 s, loss 0 rows``; writes are named when they owe another time."""
        same = self.objectives.get("recovery_time") == self.objectives.get("write_recovery_time")
        return ", ".join(
            _WORDS[name].format(_figure(value))
            for name, value in self.objectives.items()
            if not (name == "write_recovery_time" and same)
        )

    @property
    def on_aws(self) -> Fidelity:
        """How faithfully AWS can carry out all of its faults: that of the least faithful one."""
        return max(
            (faults.on_aws(kind.fault, kind.target)[0] for kind in self.kinds),
            key=_FAITH.index,
            default=Fidelity.FAITHFUL,
        )

    @property
    def leaves_out(self) -> tuple[str, ...]:
        """What a run on AWS leaves out, a sentence for each fault that it cannot carry out in full."""
        told = (faults.on_aws(kind.fault, kind.target)[1] for kind in self.kinds)
        return tuple(dict.fromkeys(filter(None, told)))

    def to_json(self) -> dict[str, Any]:
        """The entry as plain JSON values; spans in seconds."""
        return {
            "path": self.path,
            "phase": self.phase,
            "title": self.title,
            "story": self.story,
            "promises": list(self.promises),
            "breaking": list(self.breaking),
            "faults": list(self.faults),
            "objectives": {
                (f"{name}_seconds" if isinstance(value, Duration) else name): _plain(value)
                for name, value in self.objectives.items()
            },
            "lasts_seconds": self.card.lasts.seconds,
            "cadence": self.card.cadence,
            "gate": self.card.gate,
            "destructive": self.card.destructive,
            "fidelity": {"twin": Fidelity.FAITHFUL.value, "aws": self.on_aws.value},
            "leaves_out_on_aws": list(self.leaves_out),
        }

    def row(self) -> dict[str, str]:
        """The entry as a row of the catalogue."""
        return {
            "phase": self.phase,
            "scenario": self.path.partition("/")[2],
            "faults": "; ".join(self.faults) or "none",
            "objectives": self.owed,
            "lasts": str(self.card.lasts),
            "plays": self.card.cadence,
            "marks": ", ".join(name for name in ("gate", "destructive") if getattr(self.card, name)),
            "on AWS": self.on_aws.value,
        }

    def told(self) -> str:
        """The entry whole, for people."""
        lines = [self.path, "", self.story, ""]
        row = self.row()
        facts = {
            "promises": ", ".join(self.promises),
            "breaks": ", ".join(self.breaking),
            "faults": row["faults"],
            "objectives": self.owed,
            "lasts": row["lasts"],
            "plays": ", ".join(filter(None, (row["plays"], row["marks"]))),
            "on AWS": "; ".join((self.on_aws.value, *self.leaves_out)),
        }
        lines += [f"{name + ':':<12}{value}" for name, value in facts.items() if value]
        return "\n".join(lines)


def entries() -> list[Entry]:
    """Every scenario, phase after phase. Raises ``BadInput`` that names the file and the field."""
    where = "scenarios/objectives.toml"
    table = objectives.parse((SCENARIOS / "objectives.toml").read_text(), where)
    found = [
        _entry(phase, file, table)
        for phase in PHASES
        for file in sorted((SCENARIOS / phase).glob("*.py"))
        if not file.name.startswith("_")
    ]
    known = {*PHASES, *(entry.path.replace("/", ".") for entry in found)}
    for name in table:
        if name not in known:
            raise BadInput(where, name, "no such scenario")
    return found


def _entry(phase: str, file: Path, table: Mapping[str, Objectives]) -> Entry:
    path = f"{phase}/{file.stem}"
    said = script.read(file, f"scenarios/{path}.py")
    own = table.get(f"{phase}.{file.stem}") or table.get(phase) or Objectives()
    owed = {name: getattr(own, name) for promise in (*said.promises, *said.breaking) for name in OWED.get(promise, ())}
    title = said.story.splitlines()[0]
    promised = said.promises, said.breaking
    return Entry(path, phase, title, said.story, said.card, *promised, said.faults, said.kinds, owed, said)


def expectations() -> Mapping[Key, Expectation]:
    """What every scenario must come out as. Raises ``BadInput`` that names the file and the field."""
    where = "scenarios/expectations.toml"
    try:
        text = (SCENARIOS / "expectations.toml").read_text()
    except OSError as error:
        raise BadInput(where, "file", error.strerror or "cannot be read") from error
    return parse(text, where, {entry.path: entry.verdicts for entry in entries()})


def find(path: str) -> Entry:
    """The scenario of that path; raises ``BadInput`` that lists what there is."""
    known = entries()
    for entry in known:
        if entry.path == path.removesuffix(".py").removeprefix("scenarios/"):
            return entry
    raise BadInput("SCENARIO", path, "no such scenario", f"One of {', '.join(entry.path for entry in known)}.")


def choose(paths: Sequence[str] = (), *, cadence: str = "", gate: bool = False) -> list[Entry]:
    """The scenarios of these paths, or all; of a night of that cadence, or of the gate, only. Raises ``BadInput``."""
    if cadence and cadence not in CADENCES:
        raise BadInput("--cadence", cadence, "no such cadence", f"One of {', '.join(CADENCES)}.")
    chosen = [find(path) for path in paths] or entries()
    chosen = [
        entry for entry in chosen if (not gate or entry.card.gate) and (not cadence or cadence in entry.card.plays_on)
    ]
    if not chosen:
        raise BadInput("--cadence" if cadence else "gate", cadence or "scenarios", "no scenario is played then")
    return chosen


def _plain(value: Duration | float) -> float:
    return value.seconds if isinstance(value, Duration) else value


def _figure(value: Duration | float) -> str:
    if isinstance(value, Duration):
        return f"{value.seconds:g} s"
    return f"{value:.0%}".replace("%", " %") if isinstance(value, float) else str(value)
