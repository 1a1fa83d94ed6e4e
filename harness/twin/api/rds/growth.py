"""Servers that join after boot: where they go, and their base backup of whoever they are to stream from."""

from __future__ import annotations

from harness.errors import TwinFault
from harness.twin.api.rds import parameters, replication
from harness.twin.api.rds.state import LOG, Estate, Instance
from harness.twin.calls import AwsError, Call


def zone_of(estate: Estate, call: Call, *, first: int = 0) -> str:
    """The zone a call asks for, or the region's ``first``; ``InvalidParameterValue`` for one it does not have."""
    plan = next((each for each in estate.design.regions if each.name == call.region), None)
    if plan is None:
        raise AwsError("NotImplementedByTwin", f"The twin's design has no network in {call.region}.", 501)
    default = f"{plan.name}{plan.zones[min(first, len(plan.zones) - 1)]}"
    wanted = str(call.get("AvailabilityZone") or default)
    zone = wanted.removeprefix(plan.name)
    if zone not in plan.zones:
        raise AwsError("InvalidParameterValue", f"Invalid availability zone: {wanted}")
    return zone


def grow(estate: Estate, item: Instance) -> bool:
    """Copy the server that a new instance is to follow, and stream from it; ``False``: it is ``failed`` or deleted."""
    try:
        source = estate.source_node(item)
        if source is None:
            raise TwinFault(f"there is nothing that {item.identifier} could be copied from")
        item.node.copy_from(source)
        if item.status != "creating":
            return False
        parameters.apply(estate, item, everything=True)
        item.node.start_standby(source)
        item.node.wait_until_streaming()
    except TwinFault as error:
        LOG.warning("%s is not made: %s", item.identifier, error)
        with estate.lock:
            if item.status == "creating":
                item.status = "failed"
        return False
    return True


def catch_up_with_changes(estate: Estate, item: Instance) -> None:
    """Should another have become the source while an instance was made, let it follow that one."""
    with estate.lock:
        source = estate.source_node(item)
    if source is not None and item.node.upstream is not source and not replication.attach(item.node, source):
        item.rebuild_from = source
