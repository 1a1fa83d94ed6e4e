"""A session keeps a platform for a phase, has the next one ready in time, and ends what it started."""

from __future__ import annotations

from contextlib import nullcontext
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from harness import session
from harness.errors import TwinFault
from harness.session import Options, Session


class Twins:
    """Stands in for the twin's process tree: what was launched and ended, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.running: Any = None
        self.failures: list[Exception] = []
        self.bootable = Event()
        self.bootable.set()
        self.nurseries = 0

    def nursery(self) -> Any:
        self.nurseries += 1
        return nullcontext("nursery")

    def status(self, _: object) -> Any:
        return self.running

    def launch(self, phase: str, version: str, speed: float, *_: object, nursery: object) -> Any:
        self.bootable.wait()
        if self.failures:
            raise self.failures.pop()
        self.told.append(f"launch {phase}")
        self.running = SimpleNamespace(design=phase, version=version, speed=speed)
        return self.running

    def shutdown(self, _: object, *, spent: bool) -> None:
        self.told.append("kill" if spent else "shutdown")
        self.running = None


@pytest.fixture
def twins(monkeypatch, tmp_path):
    found = Twins()
    for name in ("status", "launch", "shutdown"):
        monkeypatch.setattr(session.root, name, getattr(found, name))
    monkeypatch.setattr(session, "RUNS", tmp_path)
    monkeypatch.setattr(session.lock, "held", lambda *_: session.ExitStack())
    monkeypatch.setattr(session.clients, "places", lambda _: [])
    monkeypatch.setattr(session, "Nursery", found.nursery)
    monkeypatch.setattr(
        session, "reach_twin", lambda _, running: SimpleNamespace(cloud=None, let_go=lambda: None, of=running.design)
    )
    return found


def test_a_platform_serves_every_scenario_of_its_phase_and_is_ended_at_the_end(twins):
    with Session(Options()) as played:
        first = played.estate("read_replicas")
        assert played.estate("read_replicas") is first
        assert played.estate("active_passive") is not first
    assert twins.told == ["launch read_replicas", "shutdown", "launch active_passive", "shutdown"]


def test_a_spent_platform_is_replaced_while_its_scenario_is_judged(twins):
    with Session(Options()) as played:
        first = played.estate("active_passive")
        played.followed = True
        played.spend()
        twins.bootable.clear()
        played.renew()  # nobody waits for the boot here
        assert twins.told.count("launch active_passive") == 1
        twins.bootable.set()
        second = played.estate("active_passive")
        assert second is not first
        assert played.estate("active_passive") is second
    assert twins.told == ["launch active_passive", "kill", "launch active_passive", "shutdown"]
    assert twins.nurseries == 1


@pytest.mark.parametrize(("spent", "followed"), [(True, False), (False, True)])
def test_nothing_is_made_ready_that_nobody_will_use(twins, spent, followed):
    with Session(Options()) as played:
        played.estate("active_passive")
        played.followed = followed
        if spent:
            played.spend()
        played.renew()
    assert twins.told == ["launch active_passive", "kill" if spent else "shutdown"]


def test_a_platform_that_was_made_ready_and_never_used_is_ended_too(twins):
    with Session(Options()) as played:
        played.estate("active_passive")
        played.followed = True
        played.spend()
        played.renew()
    assert twins.told == ["launch active_passive", "kill", "launch active_passive", "shutdown"]
    assert twins.running is None


def test_a_platform_that_cannot_be_made_ready_fails_the_next_scenario_and_no_more(twins):
    with Session(Options()) as played:
        played.estate("active_passive")
        played.followed = True
        played.spend()
        twins.failures.append(TwinFault("no memory"))
        played.renew()
        with pytest.raises(TwinFault, match="no memory"):
            played.estate("active_passive")
        assert played.estate("active_passive")


def test_a_twin_of_somebody_else_is_used_and_left_alone(twins):
    twins.running = SimpleNamespace(design="read_replicas", version="hardened", speed=10.0)
    with Session(Options()) as played:
        played.estate("read_replicas")
    assert twins.told == []
