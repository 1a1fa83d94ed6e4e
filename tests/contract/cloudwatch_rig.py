"""CloudWatch behind its front door on a clock that stands where a test puts it, so that no test waits."""

from __future__ import annotations

import datetime
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.clock import Clock, Instant, seconds
from harness.twin.api.cloudwatch.service import CloudWatch
from harness.twin.api.front_door import FrontDoor
from harness.twin.calls import AwsError
from harness.twin.designs.model import AlarmPlan, Design
from harness.twin.schedule import Scheduler

HOME, AWAY = "us-east-1", "eu-west-1"
ACCOUNT = "123456789012"
TOPIC = f"arn:aws:sns:{HOME}:{ACCOUNT}:alerts"
START = Instant(1_800_000_000 * 10**9)  # a whole hour: 2027-01-15T08:00:00Z
TAGS = {"Project": "agentauri", "Environment": "twin", "gameday:allowed": "true"}


def design(*alarms: AlarmPlan) -> Design:
    """A design with nothing but alarms."""
    return Design(
        name="test",
        version="hardened",
        regions=(),
        locations=(),
        round_trips={},
        instances=(),
        parameter_groups=(),
        caches=(),
        load_balancers=(),
        services=(),
        records=(),
        health_checks=(),
        alarms=alarms,
        app={},
        timings={},
        tags=TAGS,
    )


@dataclass
class Still:
    """A clock that stands where it is put."""

    instant: Instant = START

    def now(self) -> Instant:
        return self.instant


class Never:
    """A scheduler that runs nothing: a test evaluates when it wants to."""

    def every(self, *_: Any) -> None:
        return


@dataclass
class Scripted:
    """The service, its client, and what was told to topics as region, topic, subject and message."""

    clock: Still
    cloudwatch: CloudWatch
    port: int
    told: list[tuple[str, str, str, str]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def client(self, region: str = HOME) -> Any:
        return client(self.port, "cloudwatch", region)

    def at(self, offset: float) -> datetime.datetime:
        """``offset`` seconds after the start."""
        return (START + seconds(offset)).datetime

    def publish(self, offset: float, value: float, **more: Any) -> None:
        """A datapoint of Test/Lag of HOME at that offset."""
        at = START + seconds(offset)
        self.cloudwatch.publish(HOME, "Test", "Lag", more.pop("dimensions", {}), value, at=at, **more)

    def tick(self, offset: float) -> None:
        """Let the alarms whose periods end at that offset be judged."""
        self.clock.instant = START + seconds(offset + 2)
        self.cloudwatch.evaluate(START + seconds(offset))

    def notify(self, region: str, topic: str, subject: str, message: str) -> None:
        if topic in self.broken:
            raise AwsError("NotFound", "Topic does not exist", 404)
        self.told.append((region, topic, subject, message))


@contextmanager
def scripted(folder: Path, *alarms: AlarmPlan) -> Iterator[Scripted]:
    """CloudWatch with those alarms of a design, at START."""
    still = Still()
    clock = cast(Clock, still)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made: list[Scripted] = []
        service = CloudWatch(clock, cast(Scheduler, Never()), design(*alarms), lambda *told: made[0].notify(*told))
        made.append(Scripted(still, service, listening.getsockname()[1]))
        door = FrontDoor(clock, [service], folder / "trail.jsonl", {})
        door.serve(listening)
        yield made[0]
        door.close()


def client(port: int, service: str, region: str) -> Any:
    """A boto3 client that asks once, and lets the twin find what is wrong with a call."""
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )


def stated(name: str = "lag", **given: Any) -> dict[str, Any]:
    """PutMetricAlarm's parameters for an alarm on Test/Lag over 60; ``None`` leaves one out."""
    whole: Mapping[str, Any] = {
        "AlarmName": name,
        "Namespace": "Test",
        "MetricName": "Lag",
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 60.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "AlarmActions": [TOPIC],
        "OKActions": [TOPIC],
        **given,
    }
    return {key: value for key, value in whole.items() if value is not None}


def shown(client: Any, name: str = "lag") -> Mapping[str, Any]:
    """One alarm of either kind, as DescribeAlarms shows it."""
    told = client.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    (alarm,) = [*told["MetricAlarms"], *told["CompositeAlarms"]]
    return cast(Mapping[str, Any], alarm)


def refused(call: Callable[[], object]) -> str:
    """The code of the error that AWS's SDK raises."""
    with pytest.raises(ClientError) as error:
        call()
    return cast(str, error.value.response["Error"]["Code"])
