"""A fault that stands while the run is stopped or gives up: undone, told in that order, and the session ends or not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import gameday, session, undo
from harness.clock import minutes, real_sleep
from harness.errors import Aborted, OutOfPatience, Refused
from harness.events import FaultInjected, FaultUndone, Stalled, Stopped
from harness.experiment import Experiment
from harness.faults import Blackhole
from harness.gameday import GameDay
from harness.header import read_header
from harness.script import Scenario
from harness.session import Options, Session
from harness.timeline import read
from harness.topology import LoadBalancer, Region
from harness.verdicts import Outcome
from tests.contract.whole import REPOSITORY, Whole, running

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and /dev/net/tun"),
    pytest.mark.timeout(120),
]
US, EU = "us-east-1", "eu-west-1"
ALARM = "pages-somebody"
METRIC = {"Namespace": "Test", "MetricName": "Pages"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    home = tmp_path_factory.mktemp("home")
    (home / "scenarios").symlink_to(REPOSITORY / "scenarios")
    with running(home, design="active_passive", speed=20) as twin, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAMEDAY_HOME", str(home))
        for module in (session, gameday):
            patch.setattr(module, "HOME", home)
        patch.setattr(session, "RUNS", home / "reports" / "runs")
        patch.setattr(session, "OBJECTIVES", home / "scenarios" / "objectives.toml")
        twin.client("cloudwatch", EU).put_metric_alarm(
            AlarmName=ALARM, **METRIC, Statistic="Maximum", Period=10, EvaluationPeriods=1, Threshold=0.5,
            ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore",
        )  # fmt: skip
        yield twin


def post(world: Whole) -> None:
    (world.home / "STOP").write_text("that is enough\n")


def ring(world: Whole) -> None:
    """The metric stays high for some periods, as one that pages somebody does."""
    data, cloudwatch = {"MetricName": METRIC["MetricName"], "Value": 1.0}, world.client("cloudwatch", EU)
    for _ in range(10):
        cloudwatch.put_metric_data(Namespace=METRIC["Namespace"], MetricData=[data])
        real_sleep(0.2)


def acls(world: Whole) -> dict[str, str]:
    found = world.client("ec2").describe_network_acls()["NetworkAcls"]
    return {item["SubnetId"]: item["NetworkAclId"] for acl in found for item in acl["Associations"]}


@pytest.mark.parametrize(
    ("befalls", "condition", "sight"),
    [(post, "file", '"that is enough"'), (ring, "alarm", f"alarm {ALARM} in {EU} rings")],
    ids=["file", "alarm"],
)
def test_an_active_fault_is_undone_and_the_run_is_aborted(
    world: Whole, tmp_path: Path, befalls: Callable[[Whole], None], condition: str, sight: str
) -> None:
    path = tmp_path / "target.toml"
    text = (REPOSITORY / "targets" / "twin.toml").read_text()
    path.write_text(text.replace("[api]", f'[stop]\nalarms = ["{ALARM}"]\n\n[api]', 1))
    before, told = acls(world), list[Experiment]()
    with Session(Options(path, 20)) as played:
        day = GameDay(played, Scenario("active_passive", f"stopped_by_{condition}", "It is stopped."), told.append)

        def play() -> None:
            with day.promising("recovery"), day.inject(Blackhole(LoadBalancer(Region(US)))):
                assert acls(world) != before
                befalls(world)
                day.hold(minutes(60))

        with pytest.raises(Aborted, match=f"stop condition {condition}"):
            play()
        assert condition in played.stopped
        assert acls(world) == before
        [experiment] = told
        assert undo.pending(experiment.folder / "undo.jsonl") == []
        assert read_header(experiment.folder / "run.json").outcome is Outcome.ABORTED
        events = read(experiment.folder / "timeline.jsonl")
        kinds = [type(event) for event in events if isinstance(event, FaultInjected | Stopped | FaultUndone)]
        assert kinds == [FaultInjected, Stopped, FaultUndone]
        [stopped] = [event for event in events if isinstance(event, Stopped)]
        assert stopped.condition == condition
        assert sight in stopped.sight
        if condition == "file":
            with pytest.raises(Refused, match="that is enough"):
                played.estate("active_passive")
            (world.home / "STOP").unlink()


def test_giving_up_is_told_before_the_undo_that_would_bring_what_was_awaited(world: Whole) -> None:
    before, told = acls(world), list[Experiment]()
    with Session(Options(REPOSITORY / "targets" / "twin.toml", 20)) as played:
        day = GameDay(played, Scenario("active_passive", "given_up", "It is given up."), told.append)
        with day.promising("recovery"), day.inject(Blackhole(LoadBalancer(Region(US)))):
            raise OutOfPatience("clients to leave", "nobody left")
    assert acls(world) == before
    [experiment] = told
    assert experiment.outcome is Outcome.FINISHED
    events = read(experiment.folder / "timeline.jsonl")
    kinds = [type(event) for event in events if isinstance(event, FaultInjected | Stalled | FaultUndone)]
    assert kinds == [FaultInjected, Stalled, FaultUndone]
