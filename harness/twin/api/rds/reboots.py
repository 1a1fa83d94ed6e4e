"""Servers that are taken down and brought up again in the role that is theirs by then."""

from __future__ import annotations

from collections.abc import Callable

from harness.clock import ZERO, Instant
from harness.errors import TwinFault
from harness.twin.api.rds import endpoints, parameters, replication
from harness.twin.api.rds.state import LOG, Estate, Instance


def begin(estate: Estate, item: Instance) -> None:
    """Take a server down now and up again after the time a reboot takes. Lock held."""
    mine = item.take("rebooting")
    replication.excuse(estate, item)
    if item.cluster:
        endpoints.point_cluster(estate, estate.clusters[item.cluster])
    _tell(estate, item, "availability", "DB instance shutdown")
    end = estate.clock.now() + estate.draw("rds.reboot")
    estate.scheduler.later(ZERO, lambda: _shut_down(estate, item, end, mine), f"reboot {item.identifier}")


def _shut_down(estate: Estate, item: Instance, end: Instant, mine: Callable[[], bool]) -> None:
    if not mine():
        return
    for server in (item.node, item.standby):
        if server is not None:
            server.stop()

    def up() -> None:
        if mine():
            come_up(estate, item, mine)
            _tell(estate, item, "availability", "DB instance restarted")

    estate.scheduler.at(end.back(estate.lead), up, f"reboot {item.identifier}")


def come_up(estate: Estate, item: Instance, mine: Callable[[], bool]) -> None:
    """Start an instance's stopped servers; it is ``available`` then, unless somebody else took it in hand meanwhile.

    One whose parameters PostgreSQL refuses is ``incompatible-parameters`` until they are changed and it is rebooted.
    One that dies while it starts is ``available`` too: the supervisor finds that it crashed.
    """
    status = "available"
    try:
        _start(estate, item, mine)
    except TwinFault as error:
        LOG.warning("%s does not start: %s", item.identifier, error)
        if item.node.refused:
            status = "incompatible-parameters"
            _tell(estate, item, "failure", "The DB instance has invalid parameters.")
    with estate.lock:
        if mine():
            item.status = status
            if item.cluster:
                endpoints.point_cluster(estate, estate.clusters[item.cluster])


def _start(estate: Estate, item: Instance, mine: Callable[[], bool]) -> None:
    if item.standby is not None and not item.standby.alive:
        parameters.apply(estate, item, everything=True)
        replication.relent(item)
        item.standby.start_standby(item.node, wait=False)
    with item.node.alone():  # whoever takes the instance in hand now, and ends its server, ends what starts here too
        if mine() and not item.node.alive:
            replication.launch(estate, item)


def _tell(estate: Estate, item: Instance, category: str, message: str) -> None:
    estate.events.tell(item.region, "db-instance", item.identifier, category, message)
