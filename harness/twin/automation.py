"""The platform's own software around its database: heartbeats, and the switch of the region that writes.

Stands in for what a platform of this kind runs beside AWS: a heartbeat writer with an age gauge on every reader, and
ARC Region switch (https://docs.aws.amazon.com/r53recovery/latest/dg/region-switch.html). It knows only what such
software could know: its own measurements, CloudWatch's alarms, and what the RDS API answers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from harness.clock import Clock, Duration, Instant, seconds
from harness.errors import TwinFault
from harness.twin import names
from harness.twin.calls import AwsError, MetricSink
from harness.twin.designs.model import Design
from harness.twin.engines.postgres_sql import Deadline, Session
from harness.twin.names import Names
from harness.twin.schedule import Scheduler
from harness.twin.standby import Ask, Decision, StandbyScaling, is_served

_LOG = logging.getLogger("twin.automation")
ROLE = "agentauri"
NAMESPACE = "AgentAuri"
ALARM = "writer-unreachable"
BEAT = seconds(0.5)
BEAT_REAL_SECONDS = 0.05
DEADLINE = seconds(3)
PUBLISH = seconds(5)
WATCH = seconds(5)
_LINKS = 8
_STOP_SECONDS = 5.0
_WRITE = """
insert into heartbeat (region, at, beat) values ($1, clock_timestamp(), $2)
on conflict (region) do update set at = excluded.at, beat = excluded.beat
"""
_NEWEST = "select max(beat) from heartbeat"


class Ground(Protocol):
    """What the automation needs of the network (``harness.twin.network.network.Network`` has it)."""

    def inside(self, place: str) -> AbstractContextManager[None]:
        """This thread is in the place's network meanwhile."""


SETTLING = seconds(60)
"""So long after the writer was moved an alarm that still rings is no reason to move it again."""


class Connection:
    """One kept connection from a place to an endpoint that may move; every use has a deadline. For one thread."""

    def __init__(self, clock: Clock, network: Ground, registry: Names, place: str, endpoint: str) -> None:
        self._clock = clock
        self._network = network
        self._registry = registry
        self._place = place
        self._endpoint = endpoint
        self._session: Session | None = None

    def query(self, sql: str, *parameters: str | int) -> list[tuple[Any, ...]]:
        """The rows of a statement, the connection made (again) when needed; ``TwinFault`` after three AWS seconds.

        A connection to an address that the endpoint has left is given up first.
        """
        deadline = Deadline(self._clock.real_seconds(DEADLINE))
        address = resolve(self._registry, self._endpoint)
        if self._session is not None and self._session.address != address:
            self.close()
        try:
            if self._session is None:
                inside = self._network.inside(self._place)
                self._session = Session(inside, address, role=ROLE, real_seconds=deadline.left())
            return self._session.query(sql, parameters, real_seconds=deadline.left())
        except TwinFault:
            self.close()
            raise

    def close(self) -> None:
        """Hang up; the next query connects anew."""
        session, self._session = self._session, None
        if session is not None:
            session.close()


def resolve(registry: Names, name: str) -> str:
    """The first address a name leads to, through its CNAMEs. Raises ``TwinFault`` when there is none."""
    link = name
    for _ in range(_LINKS):
        pointer = registry.lookup(link)
        if pointer is None:
            break
        if pointer.cname is None:
            if pointer.addresses:
                return pointer.addresses[0]
            break
        link = pointer.cname
    raise TwinFault(f"{name} leads nowhere")


class Automation:
    """``start`` begins what the design asks for (perhaps nothing); ``stop`` ends it within a few seconds.

    ``call`` makes an AWS call as ``platform:region-switch``; ``region_up`` tells whether a region exists for the rest
    of the world: software in a lost region can publish nothing.
    """

    def __init__(
        self,
        clock: Clock,
        scheduler: Scheduler,
        network: Ground,
        registry: Names,
        design: Design,
        metrics: MetricSink,
        call: Ask,
        region_up: Callable[[str], bool],
    ) -> None:
        self._clock = clock
        self._scheduler = scheduler
        self._network = network
        self._registry = registry
        self._design = design
        self._metrics = metrics
        self._call = call
        self._region_up = region_up
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._switch = RegionSwitch(clock, design, call, region_up)
        self._scaling = StandbyScaling(clock, design, call, region_up)

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What the region switch and the scaling of the standby did, oldest first."""
        return tuple(sorted((*self._switch.decisions, *self._scaling.decisions), key=lambda one: one.at))

    def start(self) -> None:
        """Begin. A hung database holds up its own region's thread only."""
        if self._design.automation.heartbeat:
            for plan in self._design.regions:
                self._spawn(f"beat-{plan.name}", self._beating(plan.name))
                self._spawn(f"lag-{plan.name}", self._gauging(plan.name))
        if self._design.automation.switches_region:
            self._scheduler.every(WATCH, self._watch, "the region switch")
        if self._design.automation.scales_standby:
            self._scheduler.every(WATCH, self._scale, "the scaling of the standby")

    def stop(self) -> None:
        """End every thread; one that waits for a database ends at its deadline."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(_STOP_SECONDS)

    def _spawn(self, name: str, action: Callable[[], None]) -> None:
        thread = threading.Thread(target=action, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _watch(self) -> None:
        if not self._stopped.is_set():
            self._switch.look()

    def _scale(self) -> None:
        if not self._stopped.is_set():
            self._scaling.look()

    def _beating(self, region: str) -> Callable[[], None]:
        """Write heartbeats through the writer endpoint, and publish every 5 s whether the latest one arrived."""
        connection = self._connection(region, self._design.app[region].writer_endpoint)
        period = max(BEAT, seconds(BEAT_REAL_SECONDS * self._clock.speed))

        def run() -> None:
            publish_at = self._clock.now()
            while not self._stopped.is_set():
                began = self._clock.now()
                reached = self._succeeds(connection, region)
                if self._clock.now() >= publish_at:
                    self._publish(region, "WriterReachable", float(reached), "None")
                    publish_at = max(publish_at + PUBLISH, self._clock.now())
                self._rest(began + period)
            connection.close()

        return run

    def _succeeds(self, connection: Connection, region: str) -> bool:
        try:
            connection.query(_WRITE, region, self._microseconds())
        except TwinFault as error:
            _LOG.info("no heartbeat from %s: %s", region, error)
            return False
        return True

    def _gauging(self, region: str) -> Callable[[], None]:
        """Publish every 5 s how old the newest heartbeat is on the region's reader; nothing while it is unreadable."""
        connection = self._connection(region, self._design.app[region].reader_endpoint)

        def run() -> None:
            while not self._stopped.is_set():
                began = self._clock.now()
                try:
                    newest = connection.query(_NEWEST)[0][0]
                except TwinFault as error:
                    _LOG.info("no lag of %s: %s", region, error)
                else:
                    if newest is not None:
                        lag = max(0.0, (self._microseconds() - newest) / 1e6)
                        self._publish(region, "ReplicaHeartbeatLag", lag, "Seconds")
                self._rest(began + PUBLISH)
            connection.close()

        return run

    def _connection(self, region: str, endpoint: str) -> Connection:
        plan = self._design.region(region)
        place = names.place(region, plan.zones[0], "app")
        return Connection(self._clock, self._network, self._registry, place, endpoint)

    def _publish(self, region: str, metric: str, value: float, unit: str) -> None:
        if self._region_up(region):
            dimensions = {"Region": region}
            self._metrics.publish(region, NAMESPACE, metric, dimensions, value, unit=unit, high_resolution=True)

    def _microseconds(self) -> int:
        return self._clock.now().nanoseconds // 1000

    def _rest(self, until: Instant) -> None:
        span: Duration = until - self._clock.now()
        self._stopped.wait(max(0.0, self._clock.real_seconds(span)))


class RegionSwitch:
    """Fails the global cluster over to the first region whose ``writer-unreachable`` rings, unless the writer's own
    region says that it is well: once, then it waits until no alarm rings any more."""

    def __init__(self, clock: Clock, design: Design, call: Ask, region_up: Callable[[str], bool]) -> None:
        self._clock = clock
        self._design = design
        self._call = call
        self._region_up = region_up
        self._armed = True
        self._moving_at: Instant | None = None
        self._lock = threading.Lock()
        self._decisions: list[Decision] = []

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What was done, oldest first."""
        with self._lock:
            return tuple(self._decisions)

    def look(self) -> None:
        """Read the alarms of every secondary region that is up, and act on the first that rings."""
        plan = self._design.global_cluster
        if plan is None:
            return
        up = [region.name for region in self._design.regions if self._region_up(region.name)]
        readers = self._readers(plan.identifier, up)
        if readers is None:
            return
        ringing = [region for region in up if region in readers and self._rings(region)]
        if not ringing:
            self._armed = True
        elif (
            self._armed
            and not self._just_moved()
            and not any(self._is_well(region) for region in up if region not in readers)
        ):
            self._fail_over(plan.identifier, ringing[0])

    def _readers(self, identifier: str, up: list[str]) -> set[str] | None:
        """The regions of the secondary clusters, as the RDS API of the first region that answers knows them; ``None``
        when none answers, or while the global cluster is changing already."""
        for region in up:
            try:
                answer = self._call("rds", "DescribeGlobalClusters", region, {"GlobalClusterIdentifier": identifier})
            except AwsError as error:
                _LOG.warning("DescribeGlobalClusters in %s: %s", region, error)
                continue
            cluster = answer["GlobalClusters"][0]
            if cluster["Status"] != "available":
                self._moving_at = self._clock.now()
                return None
            readers = (member for member in cluster["GlobalClusterMembers"] if not member["IsWriter"])
            return {member["DBClusterArn"].split(":")[3] for member in readers}
        return None

    def _just_moved(self) -> bool:
        """Whether the writer was moved a moment ago: then the alarm still tells of the move, which somebody ordered."""
        return self._moving_at is not None and self._clock.now() - self._moving_at < SETTLING

    def _rings(self, region: str) -> bool:
        return any(alarm["StateValue"] == "ALARM" and alarm["ActionsEnabled"] for alarm in self._alarms(region))

    def _is_well(self, region: str) -> bool:
        """Whether the writer's own region reaches it and serves clients: then only a link between regions is down, and
        moving the writer would do the harm that it should prevent."""
        reached = any(alarm["StateValue"] == "OK" for alarm in self._alarms(region))
        return reached and is_served(self._call, self._design, region)

    def _alarms(self, region: str) -> list[Mapping[str, Any]]:
        try:
            found = self._call("cloudwatch", "DescribeAlarms", region, {"AlarmNames": [ALARM]})
        except AwsError as error:
            _LOG.warning("DescribeAlarms in %s: %s", region, error)
            return []
        return list(found["MetricAlarms"])

    def _fail_over(self, identifier: str, region: str) -> None:
        target = next(
            cluster
            for cluster in self._design.clusters
            if cluster.region == region and cluster.global_cluster == identifier
        )
        parameters = {
            "GlobalClusterIdentifier": identifier,
            "TargetDbClusterIdentifier": names.arn("rds", region, f"cluster:{target.identifier}"),
            "AllowDataLoss": True,
        }
        try:
            self._call("rds", "FailoverGlobalCluster", region, parameters)
        except AwsError as error:
            self._tell(f"{ALARM} rings in {region}; failing over to {target.identifier} was refused: {error}")
            return
        self._armed = False
        self._tell(f"{ALARM} rings in {region}: {identifier} fails over to {target.identifier}")

    def _tell(self, what: str) -> None:
        decision = Decision(self._clock.now(), what)
        with self._lock:
            self._decisions.append(decision)
        _LOG.warning("%s %s", decision.at, what)
