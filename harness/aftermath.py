"""After the dust has settled: read everything back, and note what AWS only tells afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise

from harness import inventory, ledger
from harness.clock import Instant, minutes, seconds
from harness.cloud import discovery, observation, volumes
from harness.cloud import inventory as live
from harness.cloud.discovery import InstanceSeen
from harness.cloud.estate import Estate
from harness.data import readback
from harness.data.readback import Source
from harness.errors import CloudFault, OutOfPatience, Refused, UndoFailed
from harness.events import DatabaseEvent, Event, FaultInjected, Noted, Stalled, WorldCompared, WorldDiffers, WriterSeen
from harness.experiment import Experiment
from harness.inventory import Inventory
from harness.ledger import Jobs, ReadBack
from harness.record import READBACK_FILE
from harness.timeline import of
from harness.verdicts import Outcome

_MARGIN = seconds(10)
_LOOK = seconds(5)
_REBUILT = minutes(10)
_JOB_TIME = seconds(20)
"""How long the pipeline may take for an event; younger ones are not counted yet."""


def await_databases(experiment: Experiment) -> None:
    """What AWS still rebuilds cannot be read; wait for it, but not for ever: then its view is missing."""
    estate, told = experiment.estate, False
    for _ in estate.clock.every(_LOOK, _REBUILT):
        try:
            regions = [region.name for region in estate.platform.regions]
            seen = [item for region in regions for item in discovery.instances(estate.cloud, region)]
        except CloudFault:
            continue  # a region does not answer yet
        busy = [f"{item.identifier} is {item.status}" for item in seen if item.status != "available"]
        if not busy:
            return
        if not told:
            experiment.enter_phase("catch_up", f"databases: {', '.join(busy)}")
            told = True
        experiment.console.glance(f"waiting for databases: {', '.join(busy)}")


def take_inventory(experiment: Experiment) -> Inventory:
    """The world before anything is touched, kept in the run's folder. Raises ``Refused`` when it cannot be seen."""
    try:
        found = live.take(experiment.estate)
    except CloudFault as error:
        raise Refused(f"the platform cannot be seen as a whole: {error.message}", "Wait until it answers.") from error
    inventory.write(experiment.folder / inventory.BEFORE_FILE, found)
    return found


def compare_world(experiment: Experiment, before: Inventory, *, destructive: bool) -> None:
    """Hold the world against what it was: every difference goes on record and to the terminal.

    Raises ``UndoFailed`` for what should have been put back. A world that cannot be seen is a run that stalled.
    """
    clock, timeline = experiment.estate.clock, experiment.timeline
    try:
        after = live.take(experiment.estate)
    except CloudFault as error:
        timeline.add(Stalled(clock.now(), f"the world could not be compared with what it was: {error.message}"))
        return
    inventory.write(experiment.folder / inventory.AFTER_FILE, after)
    found = inventory.compare(before, after, destructive=destructive)
    now = clock.now()
    for one in found.differences:
        timeline.add(WorldDiffers(now, one.thing, one.field, one.before, one.after, one.residue))
        experiment.console.say("residue" if one.residue else "world", str(one))
    timeline.add(WorldCompared(now, found.compared, found.moved))
    if found.wrong:
        experiment.outcome = Outcome.UNDO_FAILED
        raise UndoFailed(
            f"the world is not as it was before: {'; '.join(map(str, found.wrong))}",
            f"Put it back by hand; as it was: {experiment.folder / inventory.BEFORE_FILE}",
        )


def read_back(experiment: Experiment) -> None:
    """Write ``readback.json``: every surviving database, the kept volume of a fenced writer, and the pipeline.

    What cannot be read is named; without the writer, or a volume that must hold stranded rows, it is not complete. An
    experiment that may not inject restores no volume, since that changes the account.
    """
    estate, began = experiment.estate, experiment.began
    missing: list[str] = []
    with ExitStack() as stack:
        sources = databases(experiment, missing)
        writer = _writer(sources, missing)
        sources += _volumes(experiment, stack, missing)
        # The writer last: what is committed while the others are read must not seem to be theirs alone.
        sources.sort(key=lambda source: source.role == "writer")
        views, unread = readback.views(sources, estate.clock, began.back(_MARGIN))
    missing += unread
    essential = {source.identifier for source in sources if source.role != "replica"}
    read = {view.identifier for view in views}
    complete = writer is not None and essential <= read and not any("volume" in word for word in missing)
    jobs, happened = _jobs(experiment, writer, missing), _happened(experiment, writer, missing)
    ledger.write(
        experiment.folder / READBACK_FILE,
        ReadBack(complete, tuple(missing), tuple(views), jobs, _promoted_at(experiment), happened),
    )
    _note_lag(experiment)


def databases(experiment: Experiment, missing: list[str]) -> list[Source]:
    """Every database with the part that it plays now; regions that do not answer are told in ``missing``."""
    estate = experiment.estate
    seen: list[InstanceSeen] = []
    for region in estate.platform.regions:
        try:
            seen += discovery.instances(estate.cloud, region.name)
        except CloudFault as error:
            missing.append(f"databases of {region}: {error.message}")
    current = discovery.writer(estate.cloud, estate.platform)
    first = next(of(experiment.timeline.events(), WriterSeen), None)
    sources = []
    for item in seen:
        role = "replica"
        if current is not None and item.identifier == current.identifier:
            role = "writer"
        elif item.role == "writer" and (first is None or item.identifier == first.identifier):
            role = "old_writer"
        sources.append(Source(estate.hand(item.region), item.endpoint, item.identifier, item.region, role))
    return sources


def _writer(sources: Sequence[Source], missing: list[str]) -> Source | None:
    found = next((source for source in sources if source.role == "writer"), None)
    if found is None:
        missing.append("no database is the writer now")
    return found


def _volumes(experiment: Experiment, stack: ExitStack, missing: list[str]) -> list[Source]:
    """The volumes that a fenced writer left, restored beside the platform while they are read."""
    estate = experiment.estate
    found: list[Source] = []
    for region in {event.region for event in of(experiment.timeline.events(), WriterSeen)}:
        try:
            for snapshot in volumes.kept_since(estate, region, experiment.began):
                if experiment.target_file is None:
                    missing.append(f"the kept volume {snapshot}: who only watches restores none")
                    continue
                # The last run's may still be being deleted under its own name.
                name = f"gameday-readback-{round(experiment.began.epoch_seconds)}-{len(found)}"
                endpoint = stack.enter_context(volumes.restored(estate, region, snapshot, name))
                found.append(Source(estate.hand(region), endpoint, snapshot, region, "snapshot"))
        except (CloudFault, OutOfPatience) as error:
            missing.append(f"the kept volume of {region}: {error}")
    return found


def _jobs(experiment: Experiment, writer: Source | None, missing: list[str]) -> Jobs:
    if writer is None:
        return Jobs()
    clock = experiment.estate.clock
    try:
        return readback.jobs(writer, clock, experiment.began, clock.now().back(_JOB_TIME))
    except CloudFault as error:
        missing.append(f"jobs: {error.message}")
        return Jobs()


def _happened(experiment: Experiment, writer: Source | None, missing: list[str]) -> tuple[int, ...]:
    if writer is None:
        return ()
    try:
        return readback.happened(writer, experiment.estate.clock, experiment.began)
    except CloudFault as error:
        missing.append(f"events: {error.message}")
        return ()


def _promoted_at(experiment: Experiment) -> int | None:
    """When another region's node became the writer: AWS's own event where there is one, else when it was seen."""
    events = experiment.timeline.events()
    seen = list(of(events, WriterSeen))
    moves = [event for before, event in pairwise(seen) if event.region != before.region]
    if not moves:
        return None
    fault = next(of(events, FaultInjected), None)
    after = fault.at if fault else Instant(0)
    told = [
        event.at
        for event in of(events, DatabaseEvent)
        if event.region == moves[0].region and event.at >= after and _is_completion(event)
    ]
    return min([moves[0].at, *told]).nanoseconds


def _is_completion(event: DatabaseEvent) -> bool:
    words = event.message.lower()
    return "failover" in words and any(word in words for word in ("complet", "finished", "succeeded"))


def _note_lag(experiment: Experiment) -> None:
    estate: Estate = experiment.estate
    for alarm in experiment.observers.sight.alarms.values():
        if alarm.name != experiment.header.lag_alarm:
            continue
        try:
            points = observation.lag_datapoints(estate.cloud, alarm, experiment.began, estate.clock.now())
        except CloudFault as error:
            experiment.timeline.add(Noted(estate.clock.now(), f"lag of {alarm.region} is not known: {error.message}"))
            continue
        for point in points:
            experiment.timeline.add(point)


def failed_over(events: Sequence[Event]) -> bool:
    """Whether a writer (or a cache's primary) is another one than at first, or in another zone.

    What the next fault meets must not depend on what was played before. A Multi-AZ instance keeps its name in a
    failover: only AWS's own event tells.
    """
    seen = {(event.region, event.identifier) for event in of(events, WriterSeen)}
    return len(seen) > 1 or any("failover" in event.categories for event in of(events, DatabaseEvent))


def moved_region(events: Sequence[Event]) -> bool:
    """Whether another region writes now than did at first: the topology is not what the next scenario expects."""
    return len({event.region for event in of(events, WriterSeen)}) > 1
