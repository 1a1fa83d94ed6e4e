"""Another database becomes the writer: a read replica is promoted, a global database fails or switches over.

https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-disaster-recovery.html
"""

from __future__ import annotations

from harness.clock import minutes
from harness.cloud import discovery, global_cluster, orders
from harness.cloud.discovery import InstanceSeen
from harness.cloud.estate import Estate
from harness.errors import Refused
from harness.procedures import FailOver, PromoteStandby, SwitchOver
from harness.runbooks.step import Look, Runbook, Step

_MOVING = ("failing-over", "switching-over")


def promote_standby(estate: Estate, procedure: PromoteStandby) -> Runbook:
    """For RDS: a cross-region read replica, or one of the same region. Raises ``Refused`` where Aurora does it."""
    region = procedure.region.name
    if estate.platform.global_cluster is not None:
        raise Refused("the platform's databases are an Aurora global cluster.", f"Use fail-over {region}.")
    standby = standby_of(estate, region)

    def look() -> Look:
        seen = next(item for item in discovery.instances(estate.cloud, region) if item.identifier == standby.identifier)
        alone = seen.role == "writer" and seen.status == "available"
        part = "stands alone" if seen.role == "writer" else "is a read replica"
        return Look.of(alone, f"{seen.identifier} {part}, {seen.status}", under_way=seen.status == "modifying")

    def ready() -> Look:
        seen = look().sight
        return Look.of(seen.endswith(" available"), seen)

    return Runbook(
        procedure,
        (
            Step(
                f"Wait until no backup or modification of {standby.identifier} is in progress: it blocks a promotion",
                ready,
                minutes(60),
            ),
            Step(
                f"Promote the read replica {standby.identifier}",
                look,
                minutes(30),
                lambda: (orders.promote(region, standby.identifier),),
                "it never follows its source again; what had not been replicated is lost, and the replica must be "
                "rebuilt (fail-back)",
            ),
        ),
    )


def standby_of(estate: Estate, region: str) -> InstanceSeen:
    """The region's read replica; after its promotion the instance that it became. Raises ``Refused`` without one."""
    seen = discovery.instances(estate.cloud, region)
    known = [item for item in seen if item.role == "replica"] or [item for item in seen if item.cluster is None]
    if not known:
        raise Refused(f"{region} has no read replica that could be promoted.")
    return known[0]


def fail_over(estate: Estate, procedure: FailOver) -> Runbook:
    """Needs nothing of the old primary's region: only the new one is asked."""
    region = procedure.region.name
    arn = global_cluster.member(global_cluster.look(estate, region), region).arn
    name = global_cluster.name_of(estate)

    def serves() -> Look:
        status = global_cluster.cluster_status(estate, region, arn)
        busy = global_cluster.busy(estate, (region,))
        return Look.of(status == "available" and not busy, ", ".join([f"{_short(arn)} is {status}", *busy]))

    return Runbook(
        procedure,
        (
            Step(
                f"Fail the global cluster {name} over to DB cluster {_short(arn)}, allowing data loss",
                lambda: _moved(estate, region),
                minutes(30),
                lambda: (orders.fail_over(name, arn),),
                "what the old primary had not replicated is lost to the service; RDS keeps its volume as a snapshot, "
                "and rebuilds every other secondary, which cannot be read meanwhile",
                interrupts=True,
            ),
            Step(f"Wait until every DB instance of {_short(arn)} is available", serves, minutes(15)),
        ),
    )


def switch_over(estate: Estate, procedure: SwitchOver) -> Runbook:
    """Every region must answer: nothing may be lost."""
    return Runbook(procedure, switch_steps(estate, procedure.region.name))


def switch_steps(estate: Estate, region: str) -> tuple[Step, ...]:
    """The steps that move the writer of a healthy global cluster to a region."""
    arn = global_cluster.member(global_cluster.look(estate, region), region).arn
    name = global_cluster.name_of(estate)
    return (
        Step("Wait until every DB cluster is synchronized", lambda: whole(estate, region), minutes(60)),
        Step(
            f"Switch the global cluster {name} over to DB cluster {_short(arn)}",
            lambda: _moved(estate, region),
            minutes(15),
            lambda: (orders.switch_over(name, arn),),
            interrupts=True,
        ),
        Step("Wait until every secondary follows the new primary", lambda: whole(estate, region), minutes(15)),
    )


def whole(estate: Estate, region: str) -> Look:
    """Whether every cluster of the global database is available and synchronized, as a region's API tells it."""
    seen = global_cluster.look(estate, region)
    wrong = [] if seen.status == "available" else [str(seen)]
    for where, member in seen.members.items():
        status = global_cluster.cluster_status(estate, where, member.arn)
        if (status, member.synchronization) != ("available", global_cluster.SYNCHRONIZED):
            wrong.append(f"{_short(member.arn)} is {status}, {member.synchronization}")
    wrong += global_cluster.busy(estate, tuple(seen.members))
    return Look.of(not wrong, "; ".join(wrong) or f"{seen}, {len(seen.members)} DB clusters are synchronized")


def _moved(estate: Estate, region: str) -> Look:
    seen = global_cluster.look(estate, region)
    done = seen.writer == region and seen.status == "available"
    return Look.of(done, str(seen), under_way=seen.status in _MOVING)


def _short(arn: str) -> str:
    return arn.rpartition(":")[2]
