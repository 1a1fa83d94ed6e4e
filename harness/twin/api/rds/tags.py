"""Tags of RDS's resources: what they were made with, added, removed; until then the design's own.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Tagging.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.twin.api.rds import identifiers, listing, shapes
from harness.twin.api.rds.state import Estate
from harness.twin.calls import AwsError, Call, Handler

_MOST = 50
_UNKNOWN = {
    "db": ("DBInstanceNotFound", "DBInstance"),
    "cluster": ("DBClusterNotFoundFault", "DBCluster"),
    "snapshot": ("DBSnapshotNotFound", "DBSnapshot"),
    "cluster-snapshot": ("DBClusterSnapshotNotFoundFault", "DBClusterSnapshot"),
    "pg": ("DBParameterGroupNotFound", "DBParameterGroup"),
    "cluster-pg": ("DBParameterGroupNotFound", "DBClusterParameterGroup"),
    "global-cluster": ("GlobalClusterNotFoundFault", "Global cluster"),
}


class Tags:
    """The operations on tags, and the list of what waits for maintenance, which names resources the same way."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def handlers(self) -> Mapping[str, Handler]:
        """By operation name."""
        return {
            "ListTagsForResource": self.list,
            "AddTagsToResource": self.add,
            "RemoveTagsFromResource": self.remove,
            "DescribePendingMaintenanceActions": self.maintenance,
        }

    def list(self, call: Call) -> Mapping[str, Any]:
        """A resource's tags."""
        with self._estate.lock:
            return {"TagList": shapes.tags(self._estate, self._known(str(call.get("ResourceName"))))}

    def add(self, call: Call) -> Mapping[str, Any]:
        """New ones, or new values for old ones; 50 are the most."""
        given = identifiers.tags(call)
        with self._estate.lock:
            arn = self._known(str(call.get("ResourceName")))
            tags = {**self._estate.tags(arn), **given}
            if len(tags) > _MOST:
                raise AwsError("InvalidParameterValue", f"A resource can't have more than {_MOST} tags.")
            self._estate.tag(arn, tags)
        return {}

    def remove(self, call: Call) -> Mapping[str, Any]:
        """Those of these keys; unknown keys are no error."""
        gone = set(call.get("TagKeys") or ())
        with self._estate.lock:
            arn = self._known(str(call.get("ResourceName")))
            self._estate.tag(arn, {key: value for key, value in self._estate.tags(arn).items() if key not in gone})
        return {}

    def maintenance(self, call: Call) -> Mapping[str, Any]:
        """Never any: nothing of the twin's is patched."""
        wanted = call.get("ResourceIdentifier")
        if wanted:
            with self._estate.lock:
                if str(wanted) not in self.arns():
                    raise AwsError("ResourceNotFoundFault", f"{wanted} not found.", 404)
        return listing.page(call, "PendingMaintenanceActions", ())

    def arns(self, region: str | None = None) -> set[str]:
        """Every resource, or those of a region; a global cluster counts to its primary's. Lock held."""
        estate = self._estate
        held = (estate.instances.values(), estate.clusters.values(), estate.snapshots.values(), estate.backups.values())
        found = {item.arn for kind in held for item in kind if region in (None, item.region)}
        for (where, name, _), group in estate.groups.items():
            if region in (None, where) and not name.startswith("default."):
                found.add(group.arn)
        first = estate.design.primary.name
        for each in estate.global_groups.values():
            if region in (None, each.primary.region if each.primary is not None else first):
                found.add(each.arn)
        return found

    def _known(self, arn: str) -> str:
        if arn in self.arns():
            return arn
        parts = arn.split(":")
        if len(parts) < 7 or parts[:3] != ["arn", "aws", "rds"] or parts[5] not in _UNKNOWN:
            raise AwsError("InvalidParameterValue", f"Invalid resource name: {arn}")
        code, kind = _UNKNOWN[parts[5]]
        raise AwsError(code, f"{kind} {arn} not found.", 404)
