"""Feasibility of a platform, live or planned: read its configuration, judge it, before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness import timings
from harness.clock import seconds
from harness.cloud import configuration
from harness.cloud.estate import Estate
from harness.configuration import Automation, Configuration
from harness.errors import BadInput
from harness.judges.feasibility import Owed, Survey, survey
from harness.objectives import Objectives
from harness.session import HOME, reach_aws, reach_twin, target_file
from harness.session import owed as owed_by
from harness.target import Target, load
from harness.terraform import plan
from harness.terraform.configuration import client_of, configuration_of
from harness.twin import root
from harness.verdicts import Exit, Ruling

_LOST = {
    "active_passive": "the_primary_region_is_lost",
    "active_active": "the_writers_region_is_lost",
}
"""The scenario that says what is owed when the writer's region is lost."""
_LAGS = {
    "read_replicas": "the_replica_falls_behind",
    "active_passive": "the_replication_is_cut",
    "active_active": "a_secondary_is_cut_off_from_the_writer",
}
"""The scenario that says how soon the lag alarm must ring."""


@dataclass(frozen=True)
class Assumptions:
    """What a configuration does not say. ``phase``: whose objectives hold; worked out where it is empty.

    ``decides_seconds``: a person decides when a region is lost, and takes so long.
    """

    phase: str = ""
    host: str = ""
    timings: Path | None = None
    decides_seconds: float | None = None

    def applied(self, told: Configuration) -> Configuration:
        """The configuration under these assumptions. Raises ``BadInput``."""
        if self.decides_seconds is not None:
            if self.decides_seconds < 0:
                raise BadInput("--person-decides-in", f"{self.decides_seconds:g}", "must be 0 or more")
            taken = seconds(self.decides_seconds)
            told = replace(told, automation=Automation("operator", assumed=taken, where="--person-decides-in"))
        if self.timings is None:
            return told
        try:
            text = self.timings.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(str(self.timings), "file", "cannot be read") from error
        return replace(told, failover_ranges=timings.parse(text, str(self.timings)))


def of_plan(path: Path, target: str, assumed: Assumptions) -> tuple[Survey, str]:
    """What a Terraform plan would allow, and the phase whose objectives it was held against. Raises ``BadInput``."""
    wanted = load(target_file(target))
    shape = wanted.load
    client = client_of(shape.deadline_seconds, shape.connection_age_seconds)
    places = {place.name: place.nearest for place in wanted.locations}
    told = configuration_of(plan.read(path), places, client, assumed.host)
    return _surveyed(told, assumed, owed_by(wanted, target_file(target)))


def of_live(target: str, assumed: Assumptions) -> tuple[Survey, str]:
    """The same for the running twin, or for staging. Raises ``Refused`` when no twin runs."""
    wanted = load(target_file(target))
    estate, phase = _reached(wanted)
    told = configuration.read(estate, configuration.nearest(estate))
    return _surveyed(told, replace(assumed, phase=assumed.phase or phase), owed_by(wanted, target_file(target)))


def _reached(wanted: Target) -> tuple[Estate, str]:
    if wanted.target.kind == "aws":
        return reach_aws(wanted), ""
    running = root.running(HOME)
    return reach_twin(wanted, running), running.design


def _surveyed(told: Configuration, assumed: Assumptions, table: Mapping[str, Objectives]) -> tuple[Survey, str]:
    phase = assumed.phase or phase_of(told)
    if phase not in _LAGS:
        raise BadInput("--phase", phase, "no such phase", f"One of {', '.join(_LAGS)}.")
    return survey(assumed.applied(told), owed(table, phase)), phase


def phase_of(told: Configuration) -> str:
    """The phase that a configuration looks like: by its routing, then by how many regions it has."""
    regions = {*told.fronts, *(one.region for one in told.records if one.region)}
    if len(regions) > 2 or any(one.routing == "latency" for one in told.records):
        return "active_active"
    failing_over = any(one.routing == "failover" for one in told.records)
    return "active_passive" if failing_over or len(regions) > 1 else "read_replicas"


def owed(table: Mapping[str, Objectives], phase: str) -> Owed:
    """What a phase owes: its own figures, the lag alarm's, and those for the loss of the writer's region."""
    plain = replace(table[phase], alarm_delay=table[f"{phase}.{_LAGS[phase]}"].alarm_delay)
    lost = table.get(f"{phase}.{_LOST[phase]}") if phase in _LOST else None
    return Owed(plain, {"region lost": lost} if lost else {})


def exit_code(told: Survey) -> Exit:
    """0 when every objective can be kept, 1 when one cannot, 3 when it depends, or cannot be known yet."""
    return {Ruling.KEPT: Exit.KEPT, Ruling.BROKEN: Exit.BROKEN, Ruling.UNKNOWN: Exit.UNKNOWN}[told.verdict]
