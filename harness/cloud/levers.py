"""What a fault moves and an undo moves back: each lever is read and set here, by whoever holds it.

Only boto3 is needed: the switch in the account (``harness.safety.dead_mans_switch``) pulls the same levers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cloud import discovery, orders
from harness.cloud.session import GLOBAL_REGION, Cloud
from harness.errors import CloudFault

RUN_TAG = "gameday:run"
CLONE_TAG = "gameday:clone-of"
DELAY = "recovery_min_apply_delay"
Records = Sequence[Mapping[str, Any]]


def association(cloud: Cloud, region: str, subnet: str) -> tuple[str, str]:
    """The association id and the network ACL of a subnet now; the id changes with every replacement."""
    found = cloud.call(
        "ec2", region, "describe_network_acls", Filters=[{"Name": "association.subnet-id", "Values": [subnet]}]
    )
    for acl in found["NetworkAcls"]:
        for item in acl["Associations"]:
            if item["SubnetId"] == subnet:
                return item["NetworkAclAssociationId"], acl["NetworkAclId"]
    raise CloudFault("ec2.describe_network_acls", "NotFound", f"{subnet} has no network ACL")


def replace_association(cloud: Cloud, region: str, subnet: str, acl: str) -> None:
    """Give a subnet another network ACL."""
    identifier, _ = association(cloud, region, subnet)
    cloud.call("ec2", region, "replace_network_acl_association", AssociationId=identifier, NetworkAclId=acl)


def delete_clones(cloud: Cloud, region: str, run: str, original: str) -> None:
    """Delete what a run cloned of a network ACL; none may be there any more."""
    filters = [
        {"Name": f"tag:{RUN_TAG}", "Values": [run]},
        {"Name": f"tag:{CLONE_TAG}", "Values": [original]},
    ]
    for acl in cloud.call("ec2", region, "describe_network_acls", Filters=filters)["NetworkAcls"]:
        cloud.call("ec2", region, "delete_network_acl", NetworkAclId=acl["NetworkAclId"])


def delay(cloud: Cloud, region: str, group: str) -> str:
    """The replay delay set in a parameter group now, in milliseconds; ``0`` when none is."""
    pages: Any = cloud.pages("rds", region, "describe_db_parameters", "Parameters", DBParameterGroupName=group)
    return next((str(item.get("ParameterValue", "0")) for item in pages if item["ParameterName"] == DELAY), "0")


def set_delay(cloud: Cloud, region: str, group: str, value: str) -> None:
    """Set the replay delay, in milliseconds, at once: the parameter is dynamic."""
    change = {"ParameterName": DELAY, "ParameterValue": value, "ApplyMethod": "immediate"}
    cloud.call("rds", region, "modify_db_parameter_group", DBParameterGroupName=group, Parameters=[change])


def records(cloud: Cloud, zone: str, host: str) -> list[Mapping[str, Any]]:
    """A name's record sets that clients are answered from, by their set identifiers."""
    kept = [record for record in discovery.records(cloud, zone, host) if record["Type"] in ("A", "CNAME")]
    return sorted(kept, key=lambda record: str(record.get("SetIdentifier", "")))


def replace_records(cloud: Cloud, zone: str, old: Records, new: Records) -> None:
    """Take the old records away and put the new ones there, all at once. Raises ``CloudFault``."""
    changes = [{"Action": "DELETE", "ResourceRecordSet": dict(record)} for record in old]
    changes += [{"Action": "CREATE", "ResourceRecordSet": dict(record)} for record in new]
    cloud.call(
        "route53",
        GLOBAL_REGION,
        "change_resource_record_sets",
        HostedZoneId=zone,
        ChangeBatch={"Comment": "game day", "Changes": changes},
    )


def service(cloud: Cloud, region: str, cluster: str, name: str) -> Mapping[str, Any]:
    """A service as ECS describes it now."""
    found = cloud.call("ecs", region, "describe_services", cluster=cluster, services=[name])["services"]
    if not found:
        raise CloudFault("ecs.describe_services", "ServiceNotFoundException", f"{name} is not there")
    seen: Mapping[str, Any] = found[0]
    return seen


def set_desired(cloud: Cloud, region: str, cluster: str, name: str, count: int) -> None:
    """Let ECS keep so many tasks."""
    orders.set_desired(region, cluster, name, count).give(cloud)
