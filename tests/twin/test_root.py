"""The twin's process tree: born whole or not at all, entered, and gone without a trace however it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from harness.clock import monotonic_nanoseconds, real_sleep
from harness.errors import TwinFault
from harness.twin.network.layout import places
from harness.twin.network.namespaces import Manners, Namespace, apart
from harness.twin.network.wan import has_tun
from harness.twin.root import launch, leftovers, shutdown, status
from harness.twin.state import State, folder, living_init
from tests.twin.small_world import DESIGN

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="the twin's process tree needs root here"),
    pytest.mark.timeout(30),
]
SPEED = 10.0
NAMESPACES = 12 + 1 + (not has_tun())
"""The design's places, the root's own, and without /dev/net/tun the one in which the WAN's cables end."""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    yield tmp_path
    shutdown(tmp_path)


def start(checkout: Path, entry: str = "main", patience: float = 10) -> State:
    return launch("small", "hardened", SPEED, checkout, patience, entry=f"small_world:{entry}")


def root_of(state: State) -> int:
    """The root's number on the host: init's only child that is not an adopted orphan is its first."""
    children = Path(f"/proc/{state.pid}/task/{state.pid}/children").read_text().split()
    return int(children[0])


def gone_after(checkout: Path, patience: float = 2) -> bool:
    began = monotonic_nanoseconds()
    while leftovers(checkout):
        if monotonic_nanoseconds() - began > patience * 1e9:
            return False
        real_sleep(0.02)
    return True


def enter(checkout: Path, location: str, *command: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "harness.twin.enter", location, "--", *command]
    environment = {**os.environ, "GAMEDAY_HOME": str(checkout)}
    return subprocess.run(line, capture_output=True, text=True, env=environment, check=False, cwd="/tmp")


def test_a_twin_is_written_down_and_shut_down(checkout: Path) -> None:
    state = start(checkout)
    assert status(checkout) == state == State.read(checkout)
    assert state.details["root"] == 2
    assert state.clock.speed == SPEED
    with closing(socket.create_connection(("127.0.0.1", state.api_port), timeout=2)):
        pass
    real_sleep(0.2)  # the short-lived orphan ends
    left = leftovers(checkout)
    assert left.namespaces == NAMESPACES
    assert left.segments == 1
    assert len(left.processes) == 5  # init, root, WAN router, sleeper, orphan
    assert shutdown(checkout) is True
    assert not leftovers(checkout)
    assert status(checkout) is None
    assert shutdown(checkout) is False


def test_a_network_that_a_neighbour_holds_is_not_among_its_leftovers(checkout: Path, tmp_path: Path) -> None:
    names = tmp_path / "netns"
    names.mkdir()
    place = next(iter(places(DESIGN)))
    neighbour = apart(lambda: Namespace.make(place, names, Manners(SPEED)))
    try:
        start(checkout)
        assert leftovers(checkout).namespaces == NAMESPACES
    finally:
        neighbour.close()


def test_init_reaps_orphans(checkout: Path) -> None:
    state = start(checkout)
    real_sleep(0.2)
    children = Path(f"/proc/{state.pid}/task/{state.pid}/children").read_text().split()
    states = [Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] for child in children]
    assert len(children) == 2  # the root and the adopted sleeper; the short-lived orphan is no zombie
    assert "Z" not in states


@pytest.mark.parametrize("victim", ["init", "root"])
def test_kill_9_leaves_nothing(checkout: Path, victim: str) -> None:
    state = start(checkout)
    os.kill(state.pid if victim == "init" else root_of(state), signal.SIGKILL)
    assert gone_after(checkout)
    assert not state.lives
    assert status(checkout) is None
    assert start(checkout).pid != state.pid  # the lock is free again


def test_one_twin_a_checkout(checkout: Path) -> None:
    state = start(checkout)
    with pytest.raises(TwinFault, match="already runs") as caught:
        start(checkout)
    assert "twin down" in caught.value.remedy
    assert status(checkout) == state


@pytest.mark.parametrize(
    ("entry", "words"), [("refuse", "There is no room"), ("crash", "ended before"), ("missing", "AttributeError")]
)
def test_a_world_that_fails_leaves_nothing(checkout: Path, entry: str, words: str) -> None:
    with pytest.raises(TwinFault, match=words):
        start(checkout, entry)
    assert not leftovers(checkout)
    assert status(checkout) is None
    assert living_init(checkout) is None
    start(checkout)


def test_a_world_that_dawdles_is_ended(checkout: Path) -> None:
    with pytest.raises(TwinFault, match=r"not ready within 0\.5 s"):
        start(checkout, "dawdle", patience=0.5)
    assert not leftovers(checkout)


def test_a_launcher_that_dies_takes_the_newborn_along(checkout: Path) -> None:
    script = (
        "import os, pathlib, sys; from harness.twin import root\n"
        "root.State.write = lambda *_: os.kill(os.getpid(), 9)\n"
        "root.launch('small', 'hardened', 10.0, pathlib.Path(sys.argv[1]), 10, entry='small_world:main')\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(checkout)], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert gone_after(checkout)
    assert status(checkout) is None


def test_a_number_that_was_given_to_another_process_is_not_believed(checkout: Path) -> None:
    state = start(checkout)
    shutdown(checkout)
    impostor = State(**{**state.__dict__, "pid": os.getpid()})
    impostor.write(checkout)
    assert status(checkout) is None
    assert shutdown(checkout) is False


def test_a_damaged_state_says_so(checkout: Path) -> None:
    folder(checkout).mkdir()
    (folder(checkout) / "state.json").write_text("{")
    with pytest.raises(TwinFault, match="damaged"):
        status(checkout)


@pytest.mark.parametrize(
    ("location", "address", "resolver"),
    [
        ("europe", "10.102.0.10/32", "10.102.0.2"),
        ("us-east-1", "10.1.11.4/32", "10.1.0.2"),
        ("us-east-1b-data", "10.1.22.4/32", "10.1.0.2"),
    ],
)
def test_a_command_enters_a_place(checkout: Path, location: str, address: str, resolver: str) -> None:
    start(checkout)
    done = enter(checkout, location, "sh", "-c", "pwd; ip -o -4 address; cat /etc/resolv.conf; exit 7")
    assert done.returncode == 7, done.stderr
    assert done.stdout.startswith("/tmp\n")
    assert f" {address} " in done.stdout
    assert f"nameserver {resolver}\n" in done.stdout
    assert resolver not in Path("/etc/resolv.conf").read_text()


def test_an_entered_command_outlives_the_twin(checkout: Path) -> None:
    start(checkout)
    line = [sys.executable, "-m", "harness.twin.enter", "europe", "--", "sh", "-c", "echo in; read x; echo out"]
    environment = {**os.environ, "GAMEDAY_HOME": str(checkout)}
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in\n"
        shutdown(checkout)
        assert process.communicate(b"\n", timeout=5)[0] == b"out\n"


def test_entering_tells_what_is_wrong(checkout: Path) -> None:
    nothing = enter(checkout, "europe", "true")
    assert nothing.returncode == 4
    assert "twin up" in nothing.stderr
    start(checkout)
    assert enter(checkout, "mars", "true").returncode == 2
    assert "One of eu-west-1" in enter(checkout, "mars", "true").stderr
    assert enter(checkout, "europe", "no-such-command").returncode == 127
