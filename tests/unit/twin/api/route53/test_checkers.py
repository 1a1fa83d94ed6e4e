"""The checkers against real sockets on loopback: every way in which an endpoint can answer, or not."""

from __future__ import annotations

import contextlib
import socket
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from harness.clock import Clock, Instant, real_sleep, seconds
from harness.twin.api.route53.check_configs import Endpoint
from harness.twin.api.route53.checkers import Checker, Checkers, checkers_of
from harness.twin.api.route53.observations import Outcome
from harness.twin.designs.catalogue import design

CLOCK = Clock.start(20)
HTTP = Endpoint("127.0.0.1", "elb.example", 0, "/health", None, seconds(1), 2)


class Here:
    @contextlib.contextmanager
    def inside(self, place: str) -> Iterator[None]:
        yield


@dataclass
class Seen:
    outcomes: list[tuple[Instant, int, Outcome]] = field(default_factory=list)
    more: threading.Condition = field(default_factory=threading.Condition)

    def observe(self, check: str, checker: int, outcome: Outcome) -> None:
        with self.more:
            self.outcomes.append((CLOCK.now(), checker, outcome))
            self.more.notify_all()

    def first(self, count: int = 1) -> list[tuple[Instant, int, Outcome]]:
        with self.more:
            assert self.more.wait_for(lambda: len(self.outcomes) >= count, timeout=5)
            return self.outcomes[:count]


@contextlib.contextmanager
def server(answer: bytes | None) -> Iterator[tuple[int, list[bytes]]]:
    """A port that answers every request so (``None``: takes the request and stays silent), and what it was asked."""
    asked: list[bytes] = []
    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def loop() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    asked.append(client.recv(4096))
                    if answer is None:
                        kept.append(client)
                        continue
                    client.sendall(answer)
                    client.close()

        threading.Thread(target=loop, daemon=True).start()
        yield listener.getsockname()[1], asked
        listener.shutdown(socket.SHUT_RDWR)
    for client in kept:
        client.close()


@contextlib.contextmanager
def checking(endpoint: Endpoint, addresses: tuple[str, ...] = (), checkers: int = 1) -> Iterator[tuple[Checkers, Seen]]:
    seen = Seen()
    places = [Checker("here", "us-west-1", "127.0.0.1")] * checkers
    driver = Checkers(CLOCK, Here(), places, lambda name, client: addresses, seen.observe)
    driver.start()
    driver.watch("one", endpoint)
    try:
        yield driver, seen
    finally:
        driver.stop()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nall well\n"


@pytest.mark.parametrize(
    ("answer", "search", "success", "text"),
    [
        (OK, None, True, "Success: HTTP Status Code 200, OK"),
        (b"HTTP/1.1 302 Found\r\n\r\n", None, True, "Success: HTTP Status Code 302, Found"),
        (b"HTTP/1.1 503 x\r\n\r\n", None, False, "Failure: HTTP Status Code 503, Service Unavailable"),
        (b"hello\r\n", None, False, "invalid HTTP response"),
        (b"", None, False, "closed the connection"),
        (None, None, False, "did not respond within the timeout"),
        (OK, b"all well", True, "The search string was found"),
        (OK, b"unwell", False, "did not contain the search string"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5120 + b"late", b"late", False, "did not contain the search string"),
    ],
)
def test_what_an_endpoint_may_answer(answer: bytes | None, search: bytes | None, success: bool, text: str) -> None:
    with server(answer) as (port, asked), checking(replace(HTTP, port=port, search=search)) as (_, seen):
        outcome = seen.first()[0][2]
        assert outcome.success is success
        assert text in outcome.text
        assert asked[0].startswith(f"GET /health HTTP/1.1\r\nHost: elb.example:{port}\r\n".encode())


def test_a_refused_connection_fails_at_once_and_a_tcp_check_only_connects() -> None:
    with server(OK) as (port, _), checking(replace(HTTP, port=port, path=None)) as (_, seen):
        assert seen.first()[0][2].success
    with checking(replace(HTTP, port=port)) as (_, seen):
        assert "Connection refused" in seen.first()[0][2].text


def test_a_host_is_resolved_for_each_probe_and_its_addresses_take_turns() -> None:
    with server(OK) as (port, _):
        endpoint = replace(HTTP, address=None, port=port)
        with checking(endpoint, ("127.0.0.1", "127.0.0.2")) as (_, seen):
            # The server listens on 127.0.0.1 alone, so every other probe is refused.
            assert [outcome.success for _, _, outcome in seen.first(3)] == [True, False, True]
    with checking(replace(HTTP, address=None)) as (_, seen):
        assert "DNS resolution failed" in seen.first()[0][2].text


def test_the_interval_counts_from_the_end_of_the_previous_probe() -> None:
    phase = 10 * (zlib.crc32(b"one") % 1000 / 1000)
    with server(None) as (port, _):
        begun = CLOCK.now()
        with checking(replace(HTTP, port=port, interval=seconds(10))) as (_, seen):
            _, (second, _, _) = seen.first(2)
    # Silence costs the response limit of 2 s each time: 10 s after the first failure, and 2 s more. From the beginning
    # of a probe it would be 2 s less.
    assert phase + 13.9 <= (second - begun).seconds <= phase + 14 + 2


def test_first_probes_are_spread_over_the_interval() -> None:
    with server(OK) as (port, _), checking(replace(HTTP, port=port, interval=seconds(10)), checkers=5) as (_, seen):
        times = [at for at, _, _ in seen.first(5)]
    assert 6 <= (times[-1] - times[0]).seconds <= 10


def test_a_check_that_is_no_longer_watched_is_not_probed() -> None:
    with server(OK) as (port, _), checking(replace(HTTP, port=port)) as (driver, seen):
        seen.first()
        driver.watch("one", None)
        before = driver.probes
        real_sleep(0.2)
        assert driver.probes == before


def test_each_of_awss_checker_regions_has_two_checkers_at_its_location() -> None:
    placed = checkers_of(design("active_active", "hardened"))
    assert [checker.place for checker in placed] == ["america"] * 8 + ["europe"] * 2 + ["asia"] * 6
    assert len({checker.region for checker in placed}) == 8


@pytest.mark.parametrize(
    ("endpoint", "header"),
    [
        (replace(HTTP, port=80), "elb.example"),
        (replace(HTTP, port=443), "elb.example:443"),
        (replace(HTTP, port=443, usual_port=443), "elb.example"),
        (replace(HTTP, port=8080, host=None), "127.0.0.1"),
    ],
)
def test_the_host_header_names_an_unusual_port(endpoint: Endpoint, header: str) -> None:
    assert endpoint.host_header == header


def test_only_checkers_of_the_chosen_regions_probe() -> None:
    with server(OK) as (port, asked), checking(replace(HTTP, port=port, regions=frozenset({"elsewhere"}))) as (_, seen):
        real_sleep(0.2)
        assert (asked, seen.outcomes) == ([], [])
