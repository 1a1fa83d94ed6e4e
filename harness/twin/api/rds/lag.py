"""What RDS publishes of its databases once a minute, and the little traffic of its own that it measures lag by.

Sources: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PostgreSQL.Replication.ReadReplicas.Monitor.html,
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/multi-az-db-clusters-concepts.html (its readers' ReplicaLag),
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from harness.clock import Duration, minutes
from harness.errors import TwinFault
from harness.twin.api.rds.state import AURORA, LOG, Estate, Instance

PERIOD: Duration = minutes(1)
OWN_TRAFFIC: Duration = minutes(5)
"""How often RDS itself makes an idle PostgreSQL write: why an idle replica reports up to five minutes of lag."""
_NAMESPACE = "AWS/RDS"
_GLOBAL = ("AuroraGlobalDBReplicationLag", "AuroraGlobalDBRPOLag")
"""Published in a secondary's region only. The twin ships commits and pages in one stream, so the two are equal here."""
_LOOK_REAL_SECONDS = 1.0

_REPLICA_LAG = "select coalesce(extract(epoch from now() - pg_last_xact_replay_timestamp()), 0)::float8"
_STORAGE_LAG = """
select case
    when receiver.status = 'streaming' and pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
    then greatest(0, extract(epoch from receiver.last_msg_receipt_time - receiver.last_msg_send_time))
    else coalesce(extract(epoch from now() - pg_last_xact_replay_timestamp()), 0)
end::float8
from (select 1) one left join pg_stat_wal_receiver receiver on true
"""
_CONNECTIONS = """
select count(*)::float8 from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()
"""


class Lag:
    """Measures on the servers themselves; one that does not answer gets no datapoint."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def start(self) -> None:
        """Publish from now on."""
        self._estate.scheduler.every(PERIOD, self.publish, "RDS metrics")
        self._estate.scheduler.every(OWN_TRAFFIC, self.write, "RDS's own writes")

    def publish(self) -> None:
        """One datapoint of each metric that there is now."""
        if self._estate.closed:
            return
        with self._estate.lock:
            running = [item for item in self._estate.instances.values() if item.status == "available"]
        if running:
            with ThreadPoolExecutor(len(running), thread_name_prefix="rds-metrics") as pool:
                list(pool.map(self._measure, running))

    def write(self) -> None:
        """A commit that changes nothing, on every writer that has read replicas."""
        if self._estate.closed:
            return
        with self._estate.lock:
            sources = {item.source for item in self._estate.instances.values() if item.source}
            clusters = [self._estate.clusters[source] for source in sources if source in self._estate.clusters]
            found = [self._estate.instances[source] for source in sources if source in self._estate.instances]
            found += [writer for cluster in clusters if (writer := self._estate.writer(cluster))]
        for item in found:
            if item.status == "available":
                self._ask(item, lambda item=item: item.node.sql("select pg_current_xact_id()"))  # type: ignore[misc]

    def _measure(self, item: Instance) -> None:
        own = {"DBInstanceIdentifier": item.identifier}
        self._gauge(item, _CONNECTIONS, ("DatabaseConnections",), own, 1, "Count")
        reads = item.cluster is not None and item.engine != AURORA and not self._estate.is_writer(item)
        if item.source or reads:
            self._gauge(item, _REPLICA_LAG, ("ReplicaLag",), own, self._estate.clock.speed, "Seconds")
        elif item.engine == AURORA and item.cluster and not self._estate.is_writer(item):
            cluster = self._estate.clusters[item.cluster]
            milliseconds = 1000 * self._estate.clock.speed
            if cluster.writer is None:
                where = {"DBClusterIdentifier": cluster.identifier}
                self._gauge(item, _STORAGE_LAG, _GLOBAL, where, milliseconds, "Milliseconds")
            else:
                self._gauge(item, _STORAGE_LAG, ("AuroraReplicaLag",), own, milliseconds, "Milliseconds")

    def _gauge(
        self, item: Instance, query: str, metrics: tuple[str, ...], where: dict[str, str], factor: float, unit: str
    ) -> None:
        def measure() -> None:
            value = float(item.node.sql(query, real_seconds=_LOOK_REAL_SECONDS)[0][0]) * factor
            for metric in metrics:
                self._estate.metrics.publish(item.region, _NAMESPACE, metric, where, value, unit=unit)

        self._ask(item, measure)

    @staticmethod
    def _ask(item: Instance, question: Callable[[], object]) -> None:
        try:
            question()
        except TwinFault as error:
            LOG.info("no measurement of %s: %s", item.identifier, error)
