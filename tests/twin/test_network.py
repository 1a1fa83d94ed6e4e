"""The twin's network on the real kernel: distances, ACLs, cuts, zones, processes."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from harness.clock import Clock, Duration, milliseconds, monotonic_nanoseconds, real_sleep, seconds
from harness.errors import HarnessFault, TwinFault
from harness.twin.designs.catalogue import design
from harness.twin.network.network import AclRule, Network
from tests.twin.small_world import DESIGN

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="the twin's network needs root here"),
    pytest.mark.timeout(30),
]

APP, DATA, OTHER_ZONE, FAR = "us-east-1a-app", "us-east-1a-data", "us-east-1b-app", "eu-west-1a-app"
SERVER = ("10.1.11.20", 8080)
ALLOW = AclRule(100, "-1", "0.0.0.0/0", None, True)
PATIENCE = milliseconds(300)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    built = Network(Clock.start(), DESIGN, tmp_path_factory.mktemp("network"))
    built.up()
    built.address(APP, SERVER[0])
    with echo(built, APP, SERVER):
        yield built
    built.down()


@contextmanager
def echo(network: Network, place: str, address: tuple[str, int]) -> Iterator[None]:
    """A server that sends back what it gets."""
    listener = network.listen_tcp(place, address)

    def serve(connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):
            while piece := connection.recv(65536):
                connection.sendall(piece)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def reaches(network: Network, place: str, address: tuple[str, int] = SERVER) -> bool:
    """Whether a new connection is accepted; a refusal is an answer too, and an error of the test."""
    try:
        network.connect(place, address, PATIENCE).close()
    except TimeoutError:
        return False
    return True


def echoes(connection: socket.socket) -> bool:
    """Whether an established connection still carries bytes both ways."""
    try:
        connection.sendall(b"?")
        return connection.recv(1) == b"?"
    except TimeoutError:
        return False


def trip(network: Network, place: str, address: tuple[str, int] = SERVER) -> Duration:
    """The median round trip over an established connection."""
    spans = []
    with closing(network.connect(place, address, seconds(2))) as connection:
        for _ in range(15):
            began = monotonic_nanoseconds()
            assert echoes(connection)
            spans.append(monotonic_nanoseconds() - began)
    return Duration(round(statistics.median(spans)))


@pytest.mark.parametrize(("place", "expected"), [(FAR, 40.0), ("europe", 30.0), (OTHER_ZONE, 0.0), (APP, 0.0)])
def test_round_trips_are_the_designs_own(network: Network, place: str, expected: float) -> None:
    assert 0 <= trip(network, place).seconds * 1000 - expected < 1.5


def test_distances_shrink_with_speed(tmp_path: Path) -> None:
    network = Network(Clock.start(10), DESIGN, tmp_path)
    network.up()
    try:
        network.address(APP, SERVER[0])
        with echo(network, APP, SERVER):
            assert 0 <= trip(network, FAR).seconds * 1000 - 4.0 < 1.5
    finally:
        network.down()


def test_three_regions_are_up_quickly_and_leave_nothing(tmp_path: Path) -> None:
    network = Network(Clock.start(), design("active_active", "hardened"), tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    began = monotonic_nanoseconds()
    network.up()
    took = (monotonic_nanoseconds() - began) / 1e9
    router = network.wan.process
    network.down()
    network.down()
    assert took < 0.6
    assert not Path(f"/proc/{router}").exists()
    assert len(os.listdir("/proc/self/fd")) <= before
    assert os.listdir(tmp_path / "netns") == []
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


def test_a_large_transfer_crosses_the_wan_whole(network: Network) -> None:
    sent = os.urandom(4 << 20)
    with closing(network.connect(FAR, SERVER, seconds(5))) as connection:
        threading.Thread(target=connection.sendall, args=(sent,), daemon=True).start()
        got = bytearray()
        while len(got) < len(sent):
            got += connection.recv(65536)
    assert bytes(got) == sent


def test_an_acl_stops_new_and_established_flows_and_gives_them_back(network: Network) -> None:
    deny = AclRule(1, "6", "10.2.0.0/16", (8080, 8080), False)
    with (
        closing(network.connect(FAR, SERVER, PATIENCE)) as held,
        closing(network.connect(OTHER_ZONE, SERVER, PATIENCE)),
    ):
        assert echoes(held)
        network.apply_acl(APP, [deny, ALLOW], [ALLOW])
        assert not echoes(held)
        assert not reaches(network, FAR)
        assert reaches(network, OTHER_ZONE)
        assert reaches(network, "europe")
        network.apply_acl(APP, [ALLOW], [ALLOW])
        held.settimeout(5)
        assert held.recv(1) == b"?"  # TCP brings what was held up, as on AWS
        assert reaches(network, FAR)


def test_rules_count_by_number_and_the_last_word_is_no(network: Network) -> None:
    try:
        network.apply_acl(
            APP, [AclRule(20, "-1", "10.2.0.0/16", None, False), AclRule(10, "6", "10.2.11.0/24", None, True)], [ALLOW]
        )
        assert reaches(network, FAR)
        assert not reaches(network, "eu-west-1a-public")
        assert not reaches(network, OTHER_ZONE)  # no rule allows it
        assert reaches(network, APP)  # within a subnet nothing is filtered
    finally:
        network.apply_acl(APP, [ALLOW], [ALLOW])


def test_egress_rules_are_stateless(network: Network) -> None:
    """Answers need an egress rule of their own."""
    try:
        network.apply_acl(APP, [ALLOW], [AclRule(1, "6", "0.0.0.0/0", (1, 1023), True)])
        assert not reaches(network, FAR)
        network.apply_acl(APP, [ALLOW], [AclRule(1, "6", "0.0.0.0/0", (1024, 65535), True)])
        assert reaches(network, FAR)
    finally:
        network.apply_acl(APP, [ALLOW], [ALLOW])


def test_a_rule_that_nft_refuses_changes_nothing(network: Network) -> None:
    with pytest.raises(TwinFault, match="nft refused"):
        network.apply_acl(APP, [AclRule(1, "6", "0.0.0.0/0", (1, 70000), False)], [])
    assert reaches(network, FAR)


def test_acls_never_meet_the_backplane_and_a_lost_zone_does(network: Network) -> None:
    store = ("10.1.251.100", 5432)
    network.address(DATA, store[0])
    with echo(network, DATA, store):
        try:
            network.apply_acl(DATA, [], [])
            assert not reaches(network, APP, ("10.1.12.4", 5432))
            with closing(network.connect("eu-west-1a-data", store, PATIENCE)) as replication:
                assert replication.getsockname()[0] == "10.2.251.4"
                assert echoes(replication)
                network.lose_zone("us-east-1", "a")
                assert not echoes(replication)
        finally:
            network.restore_zone("us-east-1", "a")
            network.apply_acl(DATA, [ALLOW], [ALLOW])


def test_a_lost_zone_is_silent_and_its_neighbour_is_not(network: Network) -> None:
    neighbour = ("10.1.21.20", 8080)
    network.address(OTHER_ZONE, neighbour[0])
    with echo(network, OTHER_ZONE, neighbour):
        network.lose_zone("us-east-1", "a")
        try:
            assert not reaches(network, "europe")
            assert not reaches(network, OTHER_ZONE)
            assert reaches(network, "europe", neighbour)
        finally:
            network.restore_zone("us-east-1", "a")
    assert reaches(network, "europe")
    with pytest.raises(TwinFault, match="no zone"):
        network.lose_zone("eu-west-1", "b")


def test_cuts_and_losses_add_up(network: Network) -> None:
    with closing(network.connect(FAR, SERVER, PATIENCE)) as held:
        network.wan.cut("us-east-1", "eu-west-1")
        assert not echoes(held)
        assert not reaches(network, FAR)
        assert reaches(network, "europe")
        network.wan.lose("us-east-1")
        assert not reaches(network, "europe")
        network.wan.restore("us-east-1")
        assert reaches(network, "europe")
        assert network.wan.is_down("us-east-1", "eu-west-1")
        network.wan.join("eu-west-1", "us-east-1")
        assert reaches(network, FAR)


def test_a_cut_loses_what_is_in_flight(network: Network) -> None:
    server = network.listen_udp(APP, (SERVER[0], 53))
    sender = network.listen_udp(FAR, ("10.2.11.4", 0))
    with closing(server), closing(sender):
        server.settimeout(0.2)
        sender.sendto(b"in flight", (SERVER[0], 53))
        real_sleep(0.005)
        network.wan.cut("us-east-1", "eu-west-1")
        network.wan.join("us-east-1", "eu-west-1")
        with pytest.raises(TimeoutError):
            server.recv(100)
        sender.sendto(b"after", (SERVER[0], 53))
        assert server.recv(100) == b"after"


def test_slow_and_lossy_paths(network: Network) -> None:
    network.wan.slow("us-east-1", "europe", milliseconds(80))
    assert 80 <= trip(network, "europe").seconds * 1000 < 82
    network.wan.slow("us-east-1", "europe", None)
    network.wan.drop("us-east-1", "europe", 1.0)
    assert not reaches(network, "europe")
    network.wan.drop("us-east-1", "europe", 0)
    assert 30 <= trip(network, "europe").seconds * 1000 < 32


def test_packets_for_an_address_that_is_gone_vanish(network: Network) -> None:
    gone = ("10.1.11.21", 8080)
    network.address(APP, gone[0])
    network.address(APP, gone[0])
    with echo(network, APP, gone), closing(network.connect(FAR, gone, PATIENCE)) as held:
        network.remove_address(APP, gone[0])
        network.remove_address(APP, gone[0])
        assert not echoes(held)
        assert not reaches(network, OTHER_ZONE, gone)


def test_a_closed_port_refuses(network: Network) -> None:
    with pytest.raises(ConnectionRefusedError):
        network.connect(FAR, (SERVER[0], 1), PATIENCE)


def test_places_and_addresses_that_do_not_exist(network: Network) -> None:
    with pytest.raises(TwinFault, match="no place"):
        network.inside("us-east-1z-app")
    with pytest.raises(HarnessFault, match="does not belong"):
        network.address(APP, "10.1.12.1")
    with pytest.raises(HarnessFault, match="no subnet"):
        network.apply_acl("us-east-1", [], [])
    with pytest.raises(TwinFault, match="no path"):
        network.wan.cut("europe", "europe")
    with pytest.raises(TwinFault, match="not up"):
        Network(Clock.start(), DESIGN, network.path(APP).parents[1]).inside(APP)


def test_a_process_is_born_in_its_place_with_its_resolver_and_user(network: Network, tmp_path: Path) -> None:
    script = "id -un; cat /etc/resolv.conf; echo $MARK; ip -o -4 address show dev eth0; echo trouble >&2"
    process = network.spawn(
        "probe",
        DATA,
        ["sh", "-c", script],
        user="postgres",
        environment={"MARK": "x1"},
        resolver=True,
        stdout=subprocess.PIPE,
    )
    said, _ = process.communicate(timeout=5)
    lines = said.decode().splitlines()
    assert lines[0] == "postgres"
    assert lines[1] == "nameserver 10.1.0.2"
    assert "x1" in lines
    assert any("10.1.12.4/32" in line for line in lines)
    assert (network.path(DATA).parents[1] / "logs" / "probe.log").read_text() == "trouble\n"
    assert "10.1.0.2" not in Path("/etc/resolv.conf").read_text()


def test_threads_do_not_disturb_each_other(network: Network) -> None:
    places = [APP, DATA, OTHER_ZONE, FAR, "us-east-1", "europe"]
    home = os.readlink("/proc/thread-self/ns/net")
    seen: dict[str, set[str]] = {place: set() for place in places}

    def visit(place: str) -> None:
        for _ in range(100):
            with network.inside(place):
                seen[place].add(os.readlink("/proc/thread-self/ns/net"))
                with network.inside(APP):
                    pass
                seen[place].add(os.readlink("/proc/thread-self/ns/net"))
            assert os.readlink("/proc/thread-self/ns/net") == home

    threads = [threading.Thread(target=visit, args=(place,)) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(each) == 1 for each in seen.values())
    assert len(set.union(*seen.values())) == len(places)


def test_down_ends_what_nobody_ended(tmp_path: Path) -> None:
    network = Network(Clock.start(), replace(DESIGN, regions=DESIGN.regions[:1], locations=()), tmp_path)
    network.up()
    process = network.spawn("sleeper", APP, ["sleep", "600"])
    network.down()
    assert process.returncode == -9


def test_the_wan_router_ends_with_its_parent(tmp_path: Path) -> None:
    """Also when the parent is killed: no descriptor keeps it."""
    script = (
        "import os, sys, pathlib; from small_world import DESIGN; from harness.clock import Clock\n"
        "from harness.twin.network.network import Network\n"
        "from harness.twin.network import kernel; kernel.private_mounts(kernel.MS_PRIVATE)\n"
        "n = Network(Clock.start(), DESIGN, pathlib.Path(sys.argv[1])); n.up()\n"
        "print(n.wan.process, flush=True); os.kill(os.getpid(), 9)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, env=environment, check=False
    )
    router = Path(f"/proc/{int(done.stdout)}/stat")
    for _ in range(100):
        if not router.exists() or router.read_text().split()[2] == "Z":
            return
        real_sleep(0.02)
    pytest.fail("the router still runs")
