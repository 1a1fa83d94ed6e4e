"""A session keeps a platform for a phase, has the next one ready in time, and ends what it started."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from harness import session, target
from harness.clock import seconds
from harness.errors import Aborted, BadInput, TwinFault
from harness.probes.names import NameServer
from harness.session import Options, Session
from harness.target import Role


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


@pytest.mark.parametrize(
    ("change", "zones"), [({}, ["api.staging.example.com"]), ({"nameserver": "192.0.2.53:53"}, [])]
)
def test_on_aws_we_are_recognised_first_and_call_by_the_targets_roles(monkeypatch, change, zones):
    wanted = target.load(session.target_file("staging.example"))
    locations = tuple(place.model_copy(update=change) for place in wanted.locations)
    role = Role(arn="arn:aws:iam::111111111111:role/dns", services=("route53",))
    wanted = wanted.model_copy(update={"locations": locations, "roles": (role,)})
    told: list[Any] = []
    own = (NameServer("192.0.2.1"),)
    monkeypatch.setattr(session.names, "authorities", lambda host: told.append(host) or own)
    monkeypatch.setattr(session, "_system_resolver", lambda: "10.0.0.2")
    monkeypatch.setattr(session.guard, "recognise", lambda cloud, _, region: told.append((cloud.roles, region)))
    monkeypatch.setattr(
        session, "_estate", lambda _, cloud, clock, server, allow, **options: told.append((cloud.roles, server))
    )
    session.reach_aws(wanted)
    server = NameServer("10.0.0.2", authorities=own if zones else ())
    assert told == [((role,), "us-east-1"), *zones, ((role,), server)]


def test_what_a_target_owes_otherwise_is_owed():
    wanted = target.load(session.target_file("staging.example"))
    table = session.owed(wanted, session.target_file("staging.example"))
    assert table["active_passive"].failback_time == seconds(180)
    assert (
        table["active_active"]
        == session.owed(target.load(session.target_file("twin")), Path("twin.toml"))["active_active"]
    )
    odd = wanted.model_copy(update={"objectives": {"active_aggressive": {}}})
    with pytest.raises(BadInput, match=r"staging.toml: objectives.active_aggressive: no such phase"):
        session.owed(odd, Path("staging.toml"))


def test_a_session_that_was_told_to_end_says_so_whenever_it_is_asked():
    told = [""]
    played = Session(Options(), told_to_end=lambda: told[0])
    played.check()
    told[0] = "signal SIGTERM"
    with pytest.raises(Aborted, match="signal SIGTERM ended the experiment"):
        played.check()
