"""Who plays which part: a replica that was promoted is nobody's writer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from harness.cloud import discovery
from harness.cloud.discovery import Platform
from harness.cloud.session import Cloud
from harness.topology import Region

PLATFORM = Platform((Region("us-east-1"),), "Z1", {}, {}, {}, None, {})


class Described:
    """An account with these DB instances and clusters."""

    def __init__(self, instances: list[Mapping[str, Any]], writer: str = "") -> None:
        self._instances = instances
        self._members = [{"DBInstanceIdentifier": writer, "IsClusterWriter": True}] if writer else []

    def call(self, *_: str) -> Mapping[str, Any]:
        return {"DBClusters": [{"DBClusterMembers": self._members}]}

    def pages(self, *_: str) -> list[Mapping[str, Any]]:
        return self._instances


def instance(name: str, **more: Any) -> Mapping[str, Any]:
    return {"DBInstanceIdentifier": name, "DBInstanceStatus": "available", **more}


@pytest.mark.parametrize(
    "cloud",
    [
        Described([instance("a-promoted"), instance("db", MultiAZ=True)]),
        Described([instance("a-promoted"), instance("db", DBClusterIdentifier="c")], writer="db"),
        Described([instance("db"), instance("replica", ReadReplicaSourceDBInstanceIdentifier="db")]),
    ],
    ids=["beside a Multi-AZ instance", "beside a cluster", "while it is none"],
)
def test_the_platforms_own_writer_goes_before_a_promoted_replica(cloud):
    found = discovery.writer(cast(Cloud, cloud), PLATFORM)
    assert found is not None
    assert found.identifier == "db"


def test_without_a_database_nobody_writes():
    assert discovery.writer(cast(Cloud, Described([])), PLATFORM) is None


class Zones:
    """An account with these hosted zones: name, id, private."""

    def __init__(self, *zones: tuple[str, str, bool]) -> None:
        self._zones = zones

    def pages(self, *_: str) -> list[Mapping[str, Any]]:
        return [
            {"Name": name, "Id": f"/hostedzone/{identifier}", "Config": {"PrivateZone": private}}
            for name, identifier, private in self._zones
        ]


@pytest.mark.parametrize(
    ("zones", "holds"),
    [
        ([("example.", "Z1", False), ("agentauri.example.", "Z2", False)], ["Z2"]),
        ([("agentauri.example.", "Z2", False), ("example.", "Z1", False)], ["Z2"]),
        ([("api.agentauri.example.", "Z3", False)], ["Z3"]),
        ([("Agentauri.Example.", "Z2", False), ("agentauri.example.", "Z4", False)], ["Z2", "Z4"]),
        ([("agentauri.example.", "Z2", False), ("agentauri.example.", "Z5", True)], ["Z2"]),
        ([("uri.example.", "Z6", False), ("elsewhere.example.", "Z7", False)], []),
    ],
    ids=["the longest", "in any order", "its own", "two of one name", "a private one besides", "none"],
)
def test_the_zone_that_holds_a_name_is_the_longest_and_may_be_two(zones, holds):
    assert discovery.zones(cast(Cloud, Zones(*zones)), "api.agentauri.example") == holds
