"""The WAN's bookkeeping and the router's data path, without a network."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.clock import Anchor, Clock, milliseconds, monotonic_nanoseconds
from harness.errors import TwinFault
from harness.twin.network.layout import Link
from harness.twin.network.matrix import Matrix
from harness.twin.network.router import Router
from harness.twin.network.wan import Wan

NODES = [("us", 1), ("eu", 2), ("home", 101)]
LINKS = [Link("us", "eu", milliseconds(80)), Link("home", "us", milliseconds(20)), Link("home", "eu", milliseconds(30))]
HALF_OF_80_AT_10 = 4_000_000


@pytest.fixture
def wan(tmp_path: Path) -> Wan:
    return Wan(Clock(10, Anchor(0, 0)), NODES, LINKS, tmp_path / "matrix")


@pytest.fixture
def matrix(wan: Wan, tmp_path: Path) -> Iterator[Matrix]:
    read = Matrix(tmp_path / "matrix")
    yield read
    read.close()


def test_a_one_way_delay_is_half_a_round_trip_in_real_time(wan: Wan, matrix: Matrix) -> None:
    assert matrix.read(0, 1) == matrix.read(1, 0) == (HALF_OF_80_AT_10, 0, False, 0)
    assert matrix.read(0, 0)[2] is True


def test_octets_lead_to_nodes(wan: Wan, matrix: Matrix) -> None:
    assert [matrix.memory[octet] for octet in (1, 2, 101, 3)] == [0, 1, 2, 255]


def test_causes_add_up_and_each_is_taken_back_alone(wan: Wan, matrix: Matrix) -> None:
    wan.cut("us", "eu")
    wan.lose("us")
    wan.restore("us")
    assert wan.is_down("us", "eu")
    assert not wan.is_down("us", "home")
    wan.join("eu", "us")
    assert not wan.is_down("us", "eu")
    assert matrix.read(0, 1)[3] == 2  # cut and loss each condemned what was in flight


def test_slow_and_drop_and_back(wan: Wan, matrix: Matrix) -> None:
    wan.slow("eu", "us", milliseconds(400))
    wan.drop("us", "eu", 0.25)
    assert matrix.read(1, 0) == (20_000_000, 250_000, False, 0)
    assert wan.round_trip("us", "eu") == milliseconds(400)
    wan.slow("us", "eu", None)
    assert matrix.read(1, 0)[0] == HALF_OF_80_AT_10
    with pytest.raises(TwinFault):
        wan.drop("us", "eu", 1.5)


def test_names_that_are_no_nodes(wan: Wan) -> None:
    with pytest.raises(TwinFault, match="mars is no region"):
        wan.cut("us", "mars")
    with pytest.raises(TwinFault, match="mars is no region"):
        wan.lose("mars")


def packet(text: bytes, target: int) -> bytes:
    """A virtio header and an IPv4 header of which only the destination matters."""
    return bytes(10 + 16) + bytes([10, target, 0, 1]) + text


class Ends:
    """A router with a socket pair where each node's TUN would be: what it reads, and what it wrote."""

    def __init__(self, matrix: Matrix) -> None:
        self.pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in NODES]
        for pair in self.pairs:
            for end in pair:
                end.setblocking(False)
        self.router = Router(matrix, [tun.fileno() for tun, _ in self.pairs])

    def send(self, source: int, data: bytes) -> None:
        self.pairs[source][1].send(data)
        self.router.accept(source)

    def arrived(self, node: int) -> bytes | None:
        try:
            return self.pairs[node][1].recv(1000)
        except BlockingIOError:
            return None


@pytest.fixture
def ends(matrix: Matrix) -> Iterator[Ends]:
    built = Ends(matrix)
    yield built
    for pair in built.pairs:
        for end in pair:
            end.close()


LATER = 10_000_000_000


def test_a_packet_arrives_after_its_delay_and_not_before(ends: Ends) -> None:
    began = monotonic_nanoseconds()
    ends.send(0, packet(b"x", 2))
    ends.router.deliver(began + HALF_OF_80_AT_10 - 1)
    assert ends.arrived(1) is None
    ends.router.deliver(monotonic_nanoseconds() + HALF_OF_80_AT_10)
    assert ends.arrived(1) == packet(b"x", 2)


def test_nobody_gets_what_is_for_nobody(ends: Ends) -> None:
    ends.send(0, packet(b"x", 77))
    assert ends.router._flight == []


def test_a_cut_and_join_loses_what_was_in_flight(ends: Ends, wan: Wan) -> None:
    ends.send(0, packet(b"x", 2))
    wan.cut("us", "eu")
    wan.join("us", "eu")
    ends.router.deliver(monotonic_nanoseconds() + LATER)
    assert ends.arrived(1) is None


def test_a_slower_path_does_not_hold_up_another(ends: Ends, wan: Wan) -> None:
    wan.slow("us", "eu", milliseconds(5000))
    ends.send(0, packet(b"slow", 2))
    ends.send(2, packet(b"fast", 1))
    ends.router.deliver(monotonic_nanoseconds() + HALF_OF_80_AT_10)
    assert ends.arrived(0) == packet(b"fast", 1)
    assert ends.arrived(1) is None
