"""The client against servers that misbehave, on loopback; each server is a thread with a script."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.message
import dns.rrset
import gevent
import pytest

from harness.clock import monotonic_nanoseconds, real_sleep
from harness.requests import Outcome
from loadtests.routing import Client, FixedNames, NameFailed, names

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LIMIT = 0.5


class Server:
    """Answers each request by ``script(number)``: bytes to send, or None to close; counts what it sees."""

    def __init__(self, script: Callable[[int], bytes | None], address: str = "127.0.0.1", port: int = 0) -> None:
        self.script = script
        self.requests = 0
        self.connections = 0
        self.held: list[socket.socket] = []
        self.listening = socket.create_server((address, port))
        self.port: int = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            self.connections += 1
            self.held.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            while connection.recv(65536):
                self.requests += 1
                answer = self.script(self.requests)
                if answer is None:
                    break
                connection.sendall(answer)
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the client went away, as some of these tests make it do

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        for connection in self.held:
            connection.close()


@contextmanager
def serving(script: Callable[[int], bytes | None], address: str = "127.0.0.1", port: int = 0) -> Iterator[Server]:
    server = Server(script, address, port)
    try:
        yield server
    finally:
        server.close()


def client_of(server: Server, **options: object) -> Client:
    values = {"deadline": LIMIT, "connection_age": 60.0} | options
    return Client(f"http://127.0.0.1:{server.port}", FixedNames("127.0.0.1"), **values)  # type: ignore[arg-type]


def test_a_connection_is_kept() -> None:
    with serving(lambda _: OK) as server:
        client = client_of(server)
        replies = [client.send("GET", "/", {}) for _ in range(5)]
        assert [(reply.outcome, reply.status, reply.body) for reply in replies] == [(Outcome.GOOD, 200, b"ok")] * 5
        assert replies[0].address == socket.inet_aton("127.0.0.1")
        assert replies[0].sent < replies[0].done
        assert (server.connections, server.requests) == (1, 5)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_one_request_is_one_attempt_when_the_server_closes(method: str) -> None:
    with serving(lambda _: None) as server:
        reply = client_of(server).send(method, "/", {}, b"{}")
        assert reply.outcome is Outcome.RESET
        assert reply.sent > 0
        real_sleep(0.05)
        assert server.requests == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
        b"HTTP/1.1 200",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTrans",
    ],
)
def test_half_an_answer_is_a_reset_and_never_hangs_the_loop(answer: bytes) -> None:
    with serving(lambda number: answer) as server:
        client = client_of(server)

        def others() -> None:
            """The connection ends only if the loop goes on while the answer is awaited."""
            for _ in range(5):
                gevent.sleep(0.02)
            for held in server.held:
                held.shutdown(socket.SHUT_RDWR)

        clockwork = gevent.spawn(others)
        reply = client.send("GET", "/", {})
        clockwork.kill()
        assert reply.outcome is Outcome.RESET


def test_the_deadline_covers_an_answer_that_drips() -> None:
    drip = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx"
    with serving(lambda number: drip) as server:
        began = monotonic_nanoseconds()
        stop = threading.Event()

        def dripping() -> None:
            while not stop.wait(0.05):
                for held in server.held:
                    held.send(b"x")

        feeder = threading.Thread(target=dripping, daemon=True)
        feeder.start()
        reply = client_of(server).send("GET", "/", {})
        stop.set()
        feeder.join()
        assert reply.outcome is Outcome.TIMED_OUT
        assert (monotonic_nanoseconds() - began) / 1e9 == pytest.approx(LIMIT, abs=0.2)


def test_a_connection_that_timed_out_is_not_used_again() -> None:
    with serving(lambda number: b"" if number == 1 else OK) as server:
        client = client_of(server)
        assert client.send("GET", "/", {}).outcome is Outcome.TIMED_OUT
        assert client.send("GET", "/", {}).outcome is Outcome.GOOD
        assert server.connections == 2


def test_nobody_listening_is_refused_and_nothing_was_sent() -> None:
    with serving(lambda _: OK) as server:
        client = client_of(server)
    reply = client.send("GET", "/", {})
    assert (reply.outcome, reply.sent) == (Outcome.REFUSED, 0)
    assert reply.address == socket.inet_aton("127.0.0.1")


def test_an_idle_connection_that_the_server_closed_is_left_before_the_request() -> None:
    with serving(lambda _: OK) as server:
        client = client_of(server)
        client.send("GET", "/", {})
        server.held[0].shutdown(socket.SHUT_RDWR)
        real_sleep(0.05)
        assert client.send("POST", "/", {}, b"{}").outcome is Outcome.GOOD
        assert server.requests == 2


@pytest.mark.parametrize(("options", "connections"), [({"connection_age": 0.1}, 2), ({"ttl_policy": "close"}, 3)])
def test_connections_age_or_are_closed_each_time(options: dict[str, object], connections: int) -> None:
    with serving(lambda _: OK) as server:
        client = client_of(server, **options)
        client.send("GET", "/", {})
        client.send("GET", "/", {})
        real_sleep(0.15)
        client.send("GET", "/", {})
        assert server.connections == connections


def test_interim_answers_are_not_the_answer() -> None:
    with serving(lambda _: b"HTTP/1.1 100 Continue\r\n\r\n" + OK) as server:
        reply = client_of(server).send("GET", "/", {})
        assert (reply.status, reply.body) == (200, b"ok")


def test_connection_close_is_obeyed() -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    with serving(lambda _: closing) as server:
        client = client_of(server)
        assert client.send("GET", "/", {}).outcome is Outcome.GOOD
        assert client.send("GET", "/", {}).outcome is Outcome.GOOD
        assert server.connections == 2


class NameServer:
    """One zone of one name; ``answers`` is what it says now: (ttl, addresses), or None for silence."""

    def __init__(self) -> None:
        self.answer: tuple[int, tuple[str, ...]] | None = (1, ("127.0.0.1",))
        self.alias_ttl = 0
        self.questions = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.where = f"127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            wire, peer = self.socket.recvfrom(4096)
            if not wire:
                return
            self.questions += 1
            query = dns.message.from_wire(wire)
            if self.answer is not None:
                self.socket.sendto(self._reply(query).to_wire(), peer)

    def _reply(self, query: dns.message.Message) -> dns.message.Message:
        assert self.answer is not None
        reply = dns.message.make_response(query)
        ttl, addresses = self.answer
        name = query.question[0].name
        if self.alias_ttl:
            reply.answer.append(dns.rrset.from_text(name, self.alias_ttl, "IN", "CNAME", "lb.test."))
            reply.answer.append(dns.rrset.from_text("lb.test.", ttl, "IN", "A", *addresses))
        else:
            reply.answer.append(dns.rrset.from_text(name, ttl, "IN", "A", *addresses))
        return reply

    def close(self) -> None:
        self.socket.sendto(b"", self.socket.getsockname())


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.close()


def wait_out(real_seconds: float) -> None:
    gevent.sleep(real_seconds)


def test_an_answer_is_kept_for_its_ttl_in_aws_time(name_server: NameServer) -> None:
    found = names("api.test", name_server.where, 5.0, LIMIT, forever=False)
    assert [found.fresh() for _ in range(3)] == [("127.0.0.1",)] * 3
    assert name_server.questions == 1
    name_server.answer = (1, ("127.0.0.2",))
    wait_out(0.25)
    assert found.fresh() == ("127.0.0.2",)
    assert name_server.questions == 2


def test_an_alias_counts_with_its_own_ttl(name_server: NameServer) -> None:
    name_server.answer, name_server.alias_ttl = (600, ("127.0.0.1",)), 1
    found = names("api.test", name_server.where, 5.0, LIMIT, forever=False)
    found.fresh()
    wait_out(0.25)
    found.fresh()
    assert name_server.questions == 2


def test_many_at_once_ask_once(name_server: NameServer) -> None:
    found = names("api.test", name_server.where, 1.0, LIMIT, forever=False)
    asking = [gevent.spawn(found.fresh) for _ in range(50)]
    gevent.joinall(asking)
    assert {one.value for one in asking} == {("127.0.0.1",)}
    assert name_server.questions == 1


def test_ignoring_the_ttl_keeps_the_first_answer_for_ever(name_server: NameServer) -> None:
    name_server.answer = (0, ("127.0.0.1",))
    found = names("api.test", name_server.where, 1.0, LIMIT, forever=True)
    found.fresh()
    name_server.answer = (0, ("127.0.0.2",))
    assert found.fresh() == ("127.0.0.1",)
    assert name_server.questions == 1


def test_a_silent_name_server_is_a_failed_name_within_the_deadline(name_server: NameServer) -> None:
    name_server.answer = None
    found = names("api.test", name_server.where, 1.0, LIMIT, forever=False)
    with pytest.raises(NameFailed):
        found.fresh()
    reply = Client("http://api.test", found, LIMIT, 60).send("GET", "/", {})
    assert (reply.outcome, reply.sent, reply.address) == (Outcome.NAME_FAILED, 0, bytes(4))


def test_a_connection_in_hand_outlives_a_silent_name_server(name_server: NameServer) -> None:
    with serving(lambda _: OK) as server:
        found = names("api.test", name_server.where, 10.0, LIMIT, forever=False)
        client = Client(f"http://api.test:{server.port}", found, LIMIT, 60)
        assert client.send("GET", "/", {}).outcome is Outcome.GOOD
        name_server.answer = None
        wait_out(0.15)
        assert client.send("GET", "/", {}).outcome is Outcome.GOOD


@pytest.mark.parametrize(("policy", "last"), [("honour", "127.0.0.2"), ("close", "127.0.0.2"), ("ignore", "127.0.0.1")])
def test_clients_move_when_the_answer_changes_unless_they_ignore_it(
    name_server: NameServer, policy: str, last: str
) -> None:
    with serving(lambda _: OK) as one, serving(lambda _: OK, "127.0.0.2", one.port):
        found = names("api.test", name_server.where, 10.0, LIMIT, forever=policy == "ignore")
        client = Client(f"http://api.test:{one.port}", found, LIMIT, 60, policy)
        assert client.send("GET", "/", {}).address == socket.inet_aton("127.0.0.1")
        name_server.answer = (1, ("127.0.0.2",))
        wait_out(0.15)
        client.send("GET", "/", {})  # may still use the connection in hand, while the name is asked anew
        wait_out(0.05)
        assert client.send("GET", "/", {}).address == socket.inet_aton(last)


def test_no_second_address_is_tried_in_silence(name_server: NameServer) -> None:
    name_server.answer = (60, ("127.0.0.1", "127.0.0.9"))
    with serving(lambda _: OK) as server:
        found = names("api.test", name_server.where, 1.0, LIMIT, forever=False)
        client = Client(f"http://api.test:{server.port}", found, LIMIT, 60, "close")
        replies = [client.send("GET", "/", {}) for _ in range(40)]
    outcomes = {(reply.outcome, socket.inet_ntoa(reply.address)) for reply in replies}
    assert outcomes == {(Outcome.GOOD, "127.0.0.1"), (Outcome.REFUSED, "127.0.0.9")}


def test_localhost_and_addresses_are_never_asked_for() -> None:
    assert names("localhost", "", 1.0, LIMIT, forever=False).fresh() == ("127.0.0.1",)
    assert names("10.0.0.80", "", 1.0, LIMIT, forever=False).latest() == ("10.0.0.80",)
