"""The RDS service of the twin: its API, its life, and the doors for acts of nature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from harness.clock import Clock
from harness.errors import TwinFault
from harness.twin.api.rds import boot, retirement
from harness.twin.api.rds.backups import Backups
from harness.twin.api.rds.clusters import Clusters
from harness.twin.api.rds.creation import Creation
from harness.twin.api.rds.deletion import Deletion
from harness.twin.api.rds.global_clusters import GlobalClusters
from harness.twin.api.rds.instances import Instances
from harness.twin.api.rds.lag import Lag
from harness.twin.api.rds.membership import Membership
from harness.twin.api.rds.modification import Modification
from harness.twin.api.rds.parameters import ParameterGroups
from harness.twin.api.rds.replicas import Replicas
from harness.twin.api.rds.snapshots import Snapshots
from harness.twin.api.rds.state import Estate, Instance
from harness.twin.api.rds.supervisor import Supervisor
from harness.twin.api.rds.tags import Tags
from harness.twin.calls import Handler, MetricSink
from harness.twin.designs.model import Design
from harness.twin.engines import postgres_template
from harness.twin.engines.postgres import PostgresNode
from harness.twin.names import Names
from harness.twin.network.network import Network
from harness.twin.nodes import Node
from harness.twin.schedule import Scheduler

SCHEMA = Path(__file__).parents[2] / "app" / "schema.sql"


class Rds:
    """RDS and Aurora over PostgreSQL servers in the design's places.

    ``cache`` keeps the database template between boots (default: inside ``state``, made anew each time); it and
    ``state`` must be open to PostgreSQL's user (mode 0755, and the folders above them).
    """

    name = "rds"

    def __init__(
        self,
        clock: Clock,
        network: Network,
        names: Names,
        scheduler: Scheduler,
        metrics: MetricSink,
        design: Design,
        state: Path,
        cache: Path | None = None,
    ) -> None:
        self._estate = Estate(clock, network, names, scheduler, metrics, design, state)
        self._cache = cache or state / "template"
        self._supervisor = Supervisor(self._estate)
        self._lag = Lag(self._estate)
        self._tags = Tags(self._estate)

    def boot(self) -> None:
        """Start every server of the design; returns when all answer and all standbys stream. The network is up."""
        template = self.prepare()
        self._estate.directory.mkdir(parents=True, exist_ok=True)
        postgres_template.hand_over(self._estate.directory)
        boot.register(self._estate)
        boot.start(self._estate, template)
        self._supervisor.start()
        self._lag.start()

    def prepare(self) -> Path:
        """Make the template if the cache has none: may run before, or while, the network comes up."""
        return postgres_template.prepare(self._cache, SCHEMA)

    def stop(self) -> None:
        """End every server; data directories stay."""
        self._supervisor.stop()
        with self._estate.lock:
            instances = list(self._estate.instances.values())
        boot.together(instances, _quit)

    def handlers(self) -> Mapping[str, Handler]:
        """Every operation that is built."""
        estate = self._estate
        return {
            **Instances(estate).handlers(),
            **Clusters(estate).handlers(),
            **GlobalClusters(estate).handlers(),
            **ParameterGroups(estate).handlers(),
            **Membership(estate).handlers(),
            **Creation(estate).handlers(),
            **Deletion(estate).handlers(),
            **Modification(estate).handlers(),
            **Replicas(estate).handlers(),
            **Backups(estate).handlers(),
            **Snapshots(estate).handlers(),
            **self._tags.handlers(),
            **estate.events.handlers(),
        }

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """ARN and tags of every resource of a region; the global cluster counts to its primary's."""
        with self._estate.lock:
            return [(arn, dict(self._estate.tags(arn))) for arn in self._tags.arns(region)]

    def node(self, identifier: str) -> PostgresNode:
        """The server behind an instance now; ``<identifier>-standby`` is the hidden one. ``TwinFault`` if none."""
        base = identifier.removesuffix("-standby")
        with self._estate.lock:
            found = self._estate.instances.get(identifier)
            if found is not None:
                return found.node
            owner = self._estate.instances.get(base)
        if owner is None or owner.standby is None:
            raise TwinFault(f"no DB instance is called {identifier}.")
        return owner.standby

    def nodes(self) -> list[Node]:
        """Every server by its instance's identifier (``-standby``: the hidden one), for acts of nature."""
        with self._estate.lock:
            servers = [
                (item.region, zone, name, server)
                for item in self._estate.instances.values()
                for zone, name, server in (
                    (item.zone, item.identifier, item.node),
                    (item.standby_zone, f"{item.identifier}-standby", item.standby),
                )
                if server is not None
            ]
        return [
            Node(
                region, zone or "", name, server, partial(getattr, server, "alive"), partial(getattr, server, "frozen")
            )
            for region, zone, name, server in servers
        ]

    def writer(self) -> Instance | None:
        """The instance that takes the platform's writes: the global cluster's writer, or the first that is one."""
        with self._estate.lock:
            for group in self._estate.global_groups.values():
                if group.primary is not None:
                    return self._estate.writer(group.primary)
            return next((item for item in self._estate.instances.values() if self._estate.is_writer(item)), None)

    def crash(self, identifier: str) -> None:
        """An act of nature: the server dies. What RDS does then is RDS's own decision."""
        self.node(identifier).kill()

    def freeze(self, identifier: str) -> None:
        """An act of nature: the server's processes stop without ending."""
        self.node(identifier).freeze()

    def thaw(self, identifier: str) -> None:
        """They go on."""
        self.node(identifier).thaw()

    def zone_lost(self, region: str, zone: str) -> None:
        """The world says: this zone lost its power. Its servers die, and RDS fails over what it can."""
        with self._estate.lock:
            self._estate.dark_zones.add((region, zone))
            servers = [
                (where, server)
                for item in self._estate.instances.values()
                for where, server in ((item.zone, item.node), (item.standby_zone, item.standby))
                if item.region == region and server is not None
            ]
        for where, server in servers:
            if where == zone:
                server.kill()

    def zone_returning(self, region: str, zone: str) -> None:
        """The world says: the zone has power and links again; its servers are started or rebuilt."""
        with self._estate.lock:
            self._estate.dark_zones.discard((region, zone))

    def region_lost(self, region: str) -> None:
        """The world says: this region can no longer be reached. Call it when its links go down."""
        with self._estate.lock:
            self._estate.lost.add(region)

    def region_returning(self, region: str) -> None:
        """The world says: this region is about to be joined again. Call it *before* its links come up.

        Returns when a former primary there is fenced and its volume kept.
        """
        retirement.returning(self._estate, region)


def _quit(instance: Instance) -> None:
    for server in (instance.node, instance.standby):
        if server is not None:
            server.quit()
