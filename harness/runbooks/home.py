"""The writer comes home after a failover."""

from __future__ import annotations

from harness.clock import minutes
from harness.cloud import global_cluster
from harness.cloud.estate import Estate
from harness.errors import Refused
from harness.procedures import FailBack
from harness.runbooks import clients, writer
from harness.runbooks.rebuild import Rebuild
from harness.runbooks.step import Look, Runbook, Step


def fail_back(estate: Estate, procedure: FailBack) -> Runbook:
    """Aurora: RDS itself rebuilds the old region's cluster as a secondary; then the writer is switched over to it.

    RDS without a global database: the old primary is rebuilt step by step.
    """
    region = procedure.region.name
    if estate.platform.global_cluster is None:
        return Runbook(procedure, Rebuild(estate, region).steps())
    arn = global_cluster.member(global_cluster.look(estate, region), region).arn

    def rejoined() -> Look:
        status = global_cluster.cluster_status(estate, region, arn)
        busy = global_cluster.busy(estate, (region,))
        told = [f"{arn.rpartition(':')[2]} is {status}", *busy]
        return Look.of(status == "available" and not busy, ", ".join(told))

    first = Step(
        f"Wait until RDS has rebuilt the DB cluster of {region} from the new primary",
        rejoined,
        minutes(60),
    )
    last = clients.return_steps(estate, region) if _drained(estate, region) else ()
    return Runbook(procedure, (first, *writer.switch_steps(estate, region), *last))


def _drained(estate: Estate, region: str) -> bool:
    try:
        return clients.is_drained(estate, region)
    except Refused:
        return False  # its records cannot be drained, so nobody did
