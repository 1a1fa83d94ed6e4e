"""RDS's own watch over its servers: what crashed comes back or fails over, a silent standby is left out for a while.

A cluster without a writer gets one as soon as a member can be it.

It looks about once a second of AWS time and only from inside each server's own place, so a dark network between others
never makes it act.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from harness.clock import ZERO, Instant, monotonic_nanoseconds, real_sleep, seconds
from harness.errors import TwinFault
from harness.twin.api.rds import failovers, reboots, replication
from harness.twin.api.rds.state import LOG, Estate, Instance

_PERIOD = seconds(1)
_LONGEST_REAL_SECONDS = 0.25
_STUCK = seconds(3)
_STUCK_REAL_SECONDS = 0.25
_SILENCE = seconds(15)
_SILENCE_REAL_SECONDS = 2.0
_REST_REAL_SECONDS = 1.0
_LOOK_REAL_SECONDS = 1.0

_BLOCKED = """
select count(*) from pg_stat_activity
where wait_event = 'SyncRep' and extract(epoch from clock_timestamp() - query_start) > $1::float8
"""
_CAUGHT_UP = """
select application_name from pg_stat_replication
where state = 'streaming' and pg_current_wal_flush_lsn() - flush_lsn < 65536
and extract(epoch from clock_timestamp() - reply_time) < 1.5
"""


class Supervisor:
    """One thread that looks; what it finds to do runs on the scheduler."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._thread = threading.Thread(target=self._loop, name="rds-supervisor", daemon=True)
        self._silent: dict[str, Instant] = {}
        self._dropped: dict[str, int] = {}
        self._busy: set[str] = set()

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; returns when the thread has ended."""
        self._estate.closed = True
        if self._thread.is_alive():
            self._thread.join(5)

    def _loop(self) -> None:
        pause = min(_LONGEST_REAL_SECONDS, self._estate.clock.real_seconds(_PERIOD))
        while not self._estate.closed:
            with self._estate.lock:
                instances = list(self._estate.instances.values())
            for instance in instances:
                try:
                    self._look(instance)
                except TwinFault as error:
                    LOG.warning("while looking at %s: %s", instance.identifier, error)
            self._fill_vacancies()
            real_sleep(pause)

    def _fill_vacancies(self) -> None:
        with self._estate.lock:
            for group in self._estate.clusters.values():
                if not self._estate.closed and failovers.vacant(self._estate, group):
                    failovers.cluster(self._estate, group, None)

    def _look(self, instance: Instance) -> None:
        if self._estate.closed or instance.identifier in self._busy or self._out_of_care(instance):
            return
        if not instance.settled:
            return
        if instance.rebuild_from is not None:
            if _may_be_rebuilt(instance):
                self._run(instance, lambda: self._rebuild(instance), "rebuild")
        elif not instance.working:
            return
        elif not instance.node.alive:
            self._crashed(instance)
        elif self._estate.is_writer(instance):
            self._look_at_writer(instance)
        else:
            self._look_at_reader(instance)

    def _out_of_care(self, instance: Instance) -> bool:
        """A member of a cluster that is in the middle of something, or fenced, is somebody else's."""
        cluster = self._estate.clusters.get(instance.cluster or "")
        if cluster is None:
            return False
        return cluster.retired or (cluster.status != "available" and instance.rebuild_from is None)

    def _crashed(self, instance: Instance) -> None:
        with self._estate.lock:
            if not instance.working or instance.node.alive or self._out_of_care(instance):
                return  # somebody else took it in hand since it was looked at
            group = self._estate.clusters.get(instance.cluster or "")
            writer = self._estate.is_writer(instance)
            if group is not None and writer and instance.in_sync and len(group.members) > 1:
                failovers.cluster(self._estate, group, None)
            elif instance.standby is not None and instance.in_sync and instance.standby.alive:
                failovers.multi_az(self._estate, instance)
            elif (instance.region, instance.zone) not in self._estate.dark_zones:
                self._recover(instance)

    def _recover(self, instance: Instance) -> None:
        """Nobody can take over: the server starts again where it was."""
        mine = instance.take("rebooting")
        self._tell(
            instance,
            "recovery",
            "Recovery of the DB instance has started. Recovery time will vary with the amount of data to be recovered.",
        )
        span = self._estate.draw("rds.reboot")
        self._estate.scheduler.later(span, lambda: self._restart(instance, mine), f"restart {instance.identifier}")

    def _restart(self, instance: Instance, mine: Callable[[], bool]) -> None:
        if not mine():
            return
        reboots.come_up(self._estate, instance, mine)
        self._tell(instance, "recovery", "Recovery of the DB instance is complete.")

    def _rebuild(self, instance: Instance) -> None:
        """Make a former writer or a strayed reader stream from the writer of today, if that can be reached."""
        upstream = self._estate.source_node(instance)
        if upstream is None:
            self._do_without(instance)
            return
        if not upstream.alive or upstream.frozen or not instance.node.reaches(upstream):
            return
        with self._estate.lock:
            if not _may_be_rebuilt(instance) or self._out_of_care(instance):
                return
            mine = instance.take(instance.status)
        with instance.node.alone():
            if not mine():
                return
            instance.node.rebuild(upstream)
        with self._estate.lock:
            if not mine():
                return
            instance.rebuild_from = None
            if instance.status == "rebooting":
                instance.status = "available"
        self._tell(instance, "availability", "DB instance restarted")

    def _do_without(self, instance: Instance) -> None:
        """There is nobody left to be rebuilt from: it starts with what it has, and may be the next writer."""
        with self._estate.lock:
            instance.rebuild_from = None
            if instance.status != "rebooting":
                return
            mine = instance.take("rebooting")
        reboots.come_up(self._estate, instance, mine)

    def _look_at_reader(self, instance: Instance) -> None:
        if instance.node.frozen:
            instance.replicating = False
            return
        instance.replicating = instance.node.streaming()

    def _look_at_writer(self, instance: Instance) -> None:
        estate = self._estate
        standby = instance.standby
        if standby is not None and not standby.alive and instance.node.alive:
            self._run(instance, lambda: failovers.restore_standby(instance), "restore the standby of")
        try:
            patience = max(_STUCK_REAL_SECONDS, estate.clock.real_seconds(_STUCK))
            blocked = instance.node.sql(_BLOCKED, (patience,), real_seconds=_LOOK_REAL_SECONDS)[0][0]
        except TwinFault as error:
            self._is_silent(instance, error)
            return
        self._silent.pop(instance.identifier, None)
        if instance.in_sync and blocked:
            replication.relent(instance)
            self._dropped[instance.identifier] = monotonic_nanoseconds()
            LOG.warning("%s goes on without its standby", instance.identifier)
        elif not instance.in_sync or replication.outdated(estate, instance):
            self._take_back(instance)

    def _take_back(self, instance: Instance) -> None:
        with self._estate.lock:
            nodes = replication.peers(self._estate, instance)
        rested = monotonic_nanoseconds() - self._dropped.get(instance.identifier, 0) > _REST_REAL_SECONDS * 1e9
        if not rested:
            return
        names = {str(row[0]) for row in instance.node.sql(_CAUGHT_UP, real_seconds=_LOOK_REAL_SECONDS)}
        with self._estate.lock:
            if replication.enough(instance, nodes, names) and instance.working:
                replication.insist(self._estate, instance)

    def _is_silent(self, instance: Instance, error: TwinFault) -> None:
        """A writer that does not answer is ended after a while, which starts what a crash starts."""
        now = self._estate.clock.now()
        since = self._silent.setdefault(instance.identifier, now)
        enough = max(_SILENCE_REAL_SECONDS, self._estate.clock.real_seconds(_SILENCE))
        if instance.node.alive and self._estate.clock.real_seconds(now - since) > enough:
            LOG.warning("%s is ended because it does not answer: %s", instance.identifier, error)
            self._silent.pop(instance.identifier)
            instance.node.kill()

    def _run(self, instance: Instance, action: Callable[[], object], what: str) -> None:
        self._busy.add(instance.identifier)

        def run() -> None:
            try:
                action()
            except TwinFault as error:
                LOG.warning("%s %s: %s", what, instance.identifier, error)
            finally:
                self._busy.discard(instance.identifier)

        self._estate.scheduler.later(ZERO, run, f"{what} {instance.identifier}")

    def _tell(self, instance: Instance, category: str, message: str) -> None:
        self._estate.events.tell(instance.region, "db-instance", instance.identifier, category, message)


def _may_be_rebuilt(instance: Instance) -> bool:
    """Not one that is being promoted, stopped or started: that comes to its end first."""
    return instance.working or instance.status == "rebooting"
