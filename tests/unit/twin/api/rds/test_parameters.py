"""Parameter groups and events as RDS answers them, without any server."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from harness.clock import Clock, minutes, seconds
from harness.twin.api.rds.parameters import ParameterGroups
from harness.twin.api.rds.state import Estate
from harness.twin.calls import AwsError, Call
from harness.twin.designs import catalogue
from harness.twin.names import Names

NOTHING = cast(Any, None)


class Later:
    """A scheduler that only notes down."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def later(self, span: object, action: object, name: str) -> None:
        self.names.append(name)


@pytest.fixture
def estate() -> Estate:
    design = catalogue.design("read_replicas", "hardened")
    return Estate(Clock.start(10), NOTHING, Names(), cast(Any, Later()), NOTHING, design, Path("/nowhere"))


def call(estate: Estate, operation: str, **parameters: Any) -> Call:
    return Call("rds", operation, "us-east-1", "test", parameters, estate.clock.now())


def modify(estate: Estate, name: str, value: str, method: str = "immediate", group: str = "agentauri-replica") -> Any:
    change = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}
    handler = ParameterGroups(estate).handlers()["ModifyDBParameterGroup"]
    return handler(call(estate, "ModifyDBParameterGroup", DBParameterGroupName=group, Parameters=[change]))


@pytest.mark.parametrize(
    ("name", "value", "method", "group", "code"),
    [
        ("recovery_min_apply_delay", "1000", "immediate", "default.postgres15", "InvalidParameterValue"),
        ("recovery_min_apply_delay", "86400001", "immediate", "agentauri-replica", "InvalidParameterValue"),
        ("recovery_min_apply_delay", "-1", "immediate", "agentauri-replica", "InvalidParameterValue"),
        ("recovery_min_apply_delay", "soon", "immediate", "agentauri-replica", "InvalidParameterValue"),
        ("synchronous_commit", "sometimes", "immediate", "agentauri-replica", "InvalidParameterValue"),
        ("no_such_parameter", "1", "immediate", "agentauri-replica", "InvalidParameterValue"),
        ("max_connections", "50", "immediate", "agentauri-replica", "InvalidParameterCombination"),
        ("recovery_min_apply_delay", "1", "immediate", "nobody", "DBParameterGroupNotFound"),
        ("recovery_min_apply_delay", "1", "immediate", "agentauri-cluster", "DBParameterGroupNotFound"),
    ],
)
def test_what_rds_refuses_is_refused(estate: Estate, name: str, value: str, method: str, group: str, code: str) -> None:
    with pytest.raises(AwsError) as caught:
        modify(estate, name, value, method, group)
    assert caught.value.code == code


def test_a_change_is_described_and_told(estate: Estate) -> None:
    assert modify(estate, "max_standby_streaming_delay", "-1") == {"DBParameterGroupName": "agentauri-replica"}
    modify(estate, "max_connections", "50", "pending-reboot")
    describe = ParameterGroups(estate).handlers()["DescribeDBParameters"]
    found = describe(call(estate, "DescribeDBParameters", DBParameterGroupName="agentauri-replica", Source="user"))
    assert {item["ParameterName"] for item in found["Parameters"]} == {
        "recovery_min_apply_delay",
        "max_standby_streaming_delay",
        "max_connections",
    }
    every = describe(call(estate, "DescribeDBParameters", DBParameterGroupName="agentauri-replica", MaxRecords=20))
    assert (len(every["Parameters"]), every["Marker"]) == (20, "20")
    with pytest.raises(AwsError, match="between 20 and 100"):
        describe(call(estate, "DescribeDBParameters", DBParameterGroupName="agentauri-replica", MaxRecords=2))
    (event, _) = estate.events.describe(call(estate, "DescribeEvents"))["Events"]
    assert event["SourceType"] == "db-parameter-group"
    assert event["EventCategories"] == ["configuration change"]
    assert event["Message"] == "Updated parameter max_standby_streaming_delay to -1 with apply method immediate"


def test_events_are_filtered_by_source_category_and_time(estate: Estate) -> None:
    estate.events.tell("us-east-1", "db-instance", "one", "failover", "first")
    estate.events.tell("us-east-1", "db-cluster", "two", "availability", "second")
    estate.events.tell("eu-west-1", "db-instance", "one", "failover", "elsewhere")

    def messages(**parameters: Any) -> list[str]:
        found = estate.events.describe(call(estate, "DescribeEvents", **parameters))["Events"]
        return [event["Message"] for event in found]

    assert messages() == ["first", "second"]
    assert messages(SourceType="db-instance", SourceIdentifier="one") == ["first"]
    assert messages(EventCategories=["availability", "deletion"]) == ["second"]
    later = estate.clock.now() + seconds(60)
    assert messages(StartTime=later.datetime, EndTime=(later + minutes(1)).datetime) == []
    with pytest.raises(AwsError, match="source type"):
        messages(SourceIdentifier="one")
