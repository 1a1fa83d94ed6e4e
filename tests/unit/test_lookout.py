"""What every wait looks at besides: stop conditions and the traffic's own life."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.clock import Clock, minutes, seconds
from harness.console import Console
from harness.errors import Aborted
from harness.events import Stopped
from harness.experiment import Experiment
from harness.header import Stream
from harness.load import Load
from harness.lookout import Lookout
from harness.safety.keys import Keys
from harness.target import StopConditions
from harness.timeline import Timeline


class Traffic:
    """Every request from europe fails."""

    def __init__(self) -> None:
        self.gone: list[str] = []

    def dead(self) -> list[str]:
        return self.gone

    def glance(self, _: object) -> dict[str, Any]:
        return {}

    def counted(self, window: object, wanted: Any) -> tuple[int, int]:
        assert window == seconds(5)
        pairs = [(place, name) for place in ("america", "europe") for name in ("list_triggers", "create_trigger")]
        return 10 * sum(wanted(*pair) for pair in pairs), 10 * sum(wanted(*pair) for pair in pairs[2:])


class Pressed(Keys):
    def __init__(self) -> None:
        super().__init__(None)
        self.key: str | None = None

    def pressed(self) -> str | None:
        return self.key


@pytest.fixture
def rig(tmp_path):
    clock = Clock.start(50)
    timeline = Timeline(tmp_path / "timeline.jsonl")
    conditions = StopConditions(alarms=("pages",), error_ratio=0.2, for_seconds=5)
    experiment = SimpleNamespace(
        estate=SimpleNamespace(target=SimpleNamespace(stop=conditions)),
        observers=SimpleNamespace(sight=SimpleNamespace(stops={})),
        header=SimpleNamespace(undisturbed=()),
        timeline=timeline,
    )
    made = SimpleNamespace(
        lookout=Lookout(clock, Console(clock, io.StringIO()), 0.99),
        experiment=experiment,
        traffic=Traffic(),
        keys=Pressed(),
        home=tmp_path,
        clock=clock,
    )
    made.lookout.on(cast(Load, made.traffic))
    yield made
    timeline.close()


def heeding(rig: Any) -> Any:
    return rig.lookout.heeding(cast(Experiment, rig.experiment), rig.keys, rig.home)


def press(rig: Any) -> None:
    rig.keys.key = "s was pressed"


def post(rig: Any) -> None:
    (rig.home / "STOP").write_text("enough\n")


def ring(rig: Any) -> None:
    rig.experiment.observers.sight.stops["eu-west-1", "pages"] = "ALARM"


def fail(rig: Any) -> None:
    rig.experiment.header.undisturbed = (Stream(location="europe"),)
    rig.clock.sleep(seconds(6))


@pytest.mark.parametrize(
    ("befalls", "condition", "sight"),
    [
        (press, "key", "s was pressed"),
        (post, "file", 'is there: "enough"'),
        (ring, "alarm", "alarm pages in eu-west-1 rings"),
        (fail, "errors", "20 of 20 requests that should not notice failed in 5 s"),
    ],
)
def test_each_condition_ends_every_kind_of_wait(rig, befalls, condition, sight):
    with heeding(rig) as stops:
        rig.lookout.span(seconds(1))
        befalls(rig)
        for wait in (
            rig.lookout.check,
            lambda: rig.lookout.span(minutes(1)),
            lambda: rig.lookout.until("rain", lambda: "sun", minutes(1)),
            lambda: rig.lookout.watch("somebody else waits"),
        ):
            with pytest.raises(Aborted, match=f"stop condition {condition}"):
                wait()
        assert sight in stops.met
    events = rig.experiment.timeline.events()
    assert {(type(event), event.condition) for event in events} == {(Stopped, condition)}


def test_requests_that_may_notice_stop_nothing(rig):
    rig.experiment.header.undisturbed = (Stream(location="america"),)
    with heeding(rig):
        rig.lookout.span(seconds(6))
    rig.experiment.header.undisturbed = ()
    with heeding(rig):
        rig.lookout.check()


def test_new_traffic_is_watched_for_the_whole_span_before_it_is_told_of(rig):
    fail(rig)
    rig.lookout.on(cast(Load, rig.traffic))
    with heeding(rig):
        rig.lookout.check()
    rig.lookout.on(None)
    rig.clock.sleep(seconds(6))
    with heeding(rig):
        rig.lookout.check()


def test_outside_its_experiment_no_condition_holds(rig):
    post(rig)
    with heeding(rig):
        pass
    rig.lookout.check()


def test_traffic_that_died_ends_it_too(rig):
    rig.traffic.gone = ["asia"]
    with pytest.raises(Aborted, match="traffic from asia died"):
        rig.lookout.check()
