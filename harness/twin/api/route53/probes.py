"""One request of one health checker, as a state machine over a non-blocking socket.

Limits in AWS time: connect within 4 s (10 s for a TCP check), status within 2 s more, body within 2 s more:
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
from collections.abc import Callable
from http import HTTPStatus

from harness.clock import Clock, Duration, monotonic_nanoseconds, seconds
from harness.twin.api.route53.check_configs import Endpoint
from harness.twin.api.route53.observations import Outcome

CONNECT_LIMIT = seconds(4)
TCP_CONNECT_LIMIT = seconds(10)
RESPONSE_LIMIT = seconds(2)
SEARCHED_BYTES = 5120

CONNECT_TIMED_OUT = Outcome(
    False, "Failure: The health checker could not establish a connection within the timeout limit."
)
RESPONSE_TIMED_OUT = Outcome(False, "Failure: The endpoint did not respond within the timeout limit.")
NOT_RESOLVED = Outcome(False, "Failure: DNS resolution failed: no address for the domain name.")
_CLOSED = Outcome(False, "Failure: The endpoint closed the connection before it answered.")


class Probe:
    """A probe under way. ``deadline`` is a reading of CLOCK_MONOTONIC in nanoseconds."""

    def __init__(self, clock: Clock, endpoint: Endpoint, check: str, sock: socket.socket, address: str) -> None:
        self._clock = clock
        self._endpoint = endpoint
        self._check = check
        self._address = address
        self.socket = sock
        self.events = selectors.EVENT_WRITE
        self._step: Callable[[], Outcome | None] = self._connected
        self._late = CONNECT_TIMED_OUT
        self._received = b""
        self.deadline = self._after(TCP_CONNECT_LIMIT if endpoint.path is None else CONNECT_LIMIT)

    def begin(self) -> Outcome | None:
        """Start to connect; an outcome when that failed at once."""
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        error = self.socket.connect_ex((self._address, self._endpoint.port))
        return None if error in (0, errno.EINPROGRESS) else _failed(error)

    def advance(self) -> Outcome | None:
        """Go on after the socket became ready; an outcome when the probe is over."""
        try:
            return self._step()
        except BlockingIOError:
            return None
        except OSError as error:
            return _failed(error.errno or errno.EIO)

    def expire(self) -> Outcome:
        """The outcome of a probe whose deadline has passed."""
        return self._late

    def _connected(self) -> Outcome | None:
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            return _failed(error)
        if self._endpoint.path is None:
            return Outcome(True, "Success: TCP connection established.")
        self.socket.send(
            f"GET {self._endpoint.path} HTTP/1.1\r\nHost: {self._endpoint.host_header}\r\nConnection: close\r\n"
            f"User-Agent: Amazon-Route53-Health-Check-Service (ref {self._check})\r\nAccept: */*\r\n\r\n".encode()
        )
        self.events, self._step, self._late = selectors.EVENT_READ, self._status, RESPONSE_TIMED_OUT
        self.deadline = self._after(RESPONSE_LIMIT)
        return None

    def _status(self) -> Outcome | None:
        more = self.socket.recv(65536)
        self._received += more
        line, ended, _ = self._received.partition(b"\r\n")
        if not ended:
            return None if more else _CLOSED
        outcome = _of_status(line)
        if not outcome.success or self._endpoint.search is None:
            return outcome
        self._step, self.deadline = self._body, self._after(RESPONSE_LIMIT)
        return self._search(outcome, over=not more)

    def _body(self) -> Outcome | None:
        more = self.socket.recv(65536)
        self._received += more
        return self._search(_of_status(self._received.partition(b"\r\n")[0]), over=not more)

    def _search(self, found: Outcome, *, over: bool) -> Outcome | None:
        body = self._received.partition(b"\r\n\r\n")[2][:SEARCHED_BYTES]
        if self._endpoint.search is not None and self._endpoint.search in body:
            return Outcome(True, f"{found.text}. The search string was found.")
        if over or len(body) == SEARCHED_BYTES:
            return Outcome(False, "Failure: The response body did not contain the search string.")
        return None

    def _after(self, limit: Duration) -> int:
        return monotonic_nanoseconds() + round(self._clock.real_seconds(limit) * 1_000_000_000)


def _of_status(line: bytes) -> Outcome:
    words = line.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return Outcome(False, "Failure: The endpoint returned an invalid HTTP response.")
    code = int(words[1])
    phrase = HTTPStatus(code).phrase if code in {each.value for each in HTTPStatus} else "Unknown"
    good = 200 <= code < 400
    return Outcome(good, f"{'Success' if good else 'Failure'}: HTTP Status Code {code}, {phrase}")


def _failed(error: int) -> Outcome:
    return Outcome(False, f"Failure: {os.strerror(error)}. The endpoint refused or broke the connection.")
