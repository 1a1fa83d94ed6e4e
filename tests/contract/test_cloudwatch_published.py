"""What RDS publishes of real databases, read back from CloudWatch; the other services test their own metrics."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from harness.clock import minutes
from harness.twin.api.cloudwatch.service import CloudWatch
from harness.twin.api.rds.service import Rds
from harness.twin.designs import catalogue
from harness.twin.designs.model import Design
from harness.twin.schedule import Scheduler
from tests.contract.cloudwatch_rig import Never, design
from tests.twin.stage import Stage, needs_root, stage

REGIONS = ("us-east-1", "eu-west-1", "ap-south-1")
SPEED = 30.0


@dataclass
class Databases:
    """A design's databases, publishing into a CloudWatch."""

    stage: Stage
    rds: Rds
    cloudwatch: CloudWatch

    def publish(self) -> None:
        """What RDS's clockwork does once a minute."""
        self.rds._lag.publish()

    def told(self, region: str) -> dict[tuple[str, str], tuple[float, str]]:
        """The largest value and the unit of each metric of AWS/RDS, by name and value of its one dimension."""
        told = {}
        for metric in self.stage.call(self.cloudwatch, "ListMetrics", region, Namespace="AWS/RDS")["Metrics"]:
            (dimension,) = metric["Dimensions"]
            points = self.points(region, metric)
            assert len({point["Unit"] for point in points}) == 1
            told[metric["MetricName"], dimension["Value"]] = (
                max(point["Maximum"] for point in points),
                points[0]["Unit"],
            )
        return told

    def points(self, region: str, metric: Mapping[str, Any]) -> list[Any]:
        now = self.stage.clock.now()
        span = {"StartTime": now.back(minutes(60)).datetime, "EndTime": (now + minutes(2)).datetime}
        asked = {**metric, **span, "Period": 60, "Statistics": ["Maximum"]}
        return cast(list[Any], self.stage.call(self.cloudwatch, "GetMetricStatistics", region, **asked)["Datapoints"])


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """Where the databases' template is made once, readable by the user that servers run as."""
    with tempfile.TemporaryDirectory(prefix="twin-", dir="/dev/shm") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def databases(plan: Design, template: Path) -> Iterator[Databases]:
    with stage(plan, SPEED) as built:
        cloudwatch = CloudWatch(built.clock, cast(Scheduler, Never()), design(), lambda *_: None)
        rds = Rds(built.clock, built.network, built.names, built.scheduler, cloudwatch, plan, built.state, template)
        built.exits.callback(rds.stop)
        built.state.chmod(0o755)  # servers run as an ordinary user
        rds.prepare()
        rds.boot()
        yield Databases(built, rds, cloudwatch)


@needs_root
def test_replica_lag_grows_when_the_source_is_idle_and_when_it_is_dead(template: Path) -> None:
    """The metric is a query on the replica: only a commit of the source resets it."""
    with databases(catalogue.design("read_replicas", "as_written"), template) as made:

        def lag() -> float:
            made.publish()
            value, unit = made.told("us-east-1")["ReplicaLag", "agentauri-db-replica"]
            assert unit == "Seconds"
            return value

        made.rds.node("agentauri-db").sql("select pg_current_xact_id()")
        first = lag()
        made.stage.until(lambda: lag() > first + 5)
        made.rds.node("agentauri-db").kill()
        idle = lag()
        made.stage.until(lambda: lag() > idle + 5)
        told = made.told("us-east-1")
        assert {name for name, _ in told} == {"ReplicaLag", "DatabaseConnections"}
        assert told["DatabaseConnections", "agentauri-db-replica"][1] == "Count"
        assert ("ReplicaLag", "agentauri-db") not in told, "a source has no lag"
        assert made.told("eu-west-1") == {}


@needs_root
def test_aurora_publishes_metrics_of_its_own_and_the_global_ones_in_secondary_regions_only(template: Path) -> None:
    with databases(catalogue.design("active_active", "hardened"), template) as made:
        made.publish()
        told = {region: made.told(region) for region in REGIONS}
    lags = {region: {name for name, _ in found} - {"DatabaseConnections"} for region, found in told.items()}
    secondary = {"AuroraGlobalDBReplicationLag", "AuroraGlobalDBRPOLag"}
    assert lags["eu-west-1"] == lags["ap-south-1"] == secondary
    assert lags["us-east-1"] <= {"AuroraReplicaLag"}
    value, unit = told["eu-west-1"]["AuroraGlobalDBReplicationLag", "agentauri-eu"]
    assert (0 <= value < 60_000, unit) == (True, "Milliseconds")
    for found in told.values():
        assert {unit for (name, _), (_, unit) in found.items() if name == "DatabaseConnections"} == {"Count"}


@needs_root
def test_readers_of_a_multi_az_cluster_have_a_replica_lag(template: Path) -> None:
    with databases(catalogue.design("read_replicas", "hardened"), template) as made:
        made.publish()
        told = made.told("us-east-1")
    connected = {identifier for name, identifier in told if name == "DatabaseConnections"}
    lagging = {identifier for name, identifier in told if name == "ReplicaLag"}
    assert len(connected - lagging) == 1, "all but the writer"
    assert len(lagging) == 3, "two readers and the read replica"
