"""One node of an Application Load Balancer: a HAProxy process whose targets come and go at run time.

An ALB's answers are kept: 503 when no target is registered, 502 when a target refuses, resets or answers what is not
HTTP, 504 when it does not accept within 10 s or does not answer within the idle time-out of 60 s (AWS time). Which
targets get traffic, and failing open, is decided by the caller. Known difference: port 443 speaks plain HTTP, as port
80 does.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
"""

from __future__ import annotations

import re
import socket
import subprocess
from dataclasses import dataclass, fields
from pathlib import Path
from string import Template

from harness.clock import Clock, Duration, monotonic_nanoseconds, real_sleep, seconds
from harness.errors import TwinFault
from harness.processes import stopped
from harness.twin.network.network import Network

TARGET_PORT = 8080
IDLE = seconds(60)
CONNECT = seconds(10)
_START_SECONDS = 10
_ASK_SECONDS = 2

# Two proxies in a row: HAProxy answers a target's reset by closing silently, not by 502, unless the request was the
# first of its client connection. The outer one keeps clients' connections, the inner one sees each request alone.
# A refused connection is HAProxy's 503, and so is one that timed out: how long it waited tells them apart.
_CONFIGURATION = Template("""\
global
 nbthread 1
 maxconn 2000
 stats socket $socket mode 600 level admin
$zeros
ring answers
 format raw
 maxlen 64
 size 65536
defaults
 mode http
 retries 0
 option http-no-delay
 option abortonclose
 timeout connect ${connect}ms
 timeout client ${outer}ms
 timeout server ${outer}ms
 timeout http-keep-alive ${idle}ms
 http-error status 502 content-type text/html hdr server awselb/2.0 string "<h1>The target's answer is invalid</h1>"
 http-error status 503 content-type text/html hdr server awselb/2.0 string "<h1>The target does not accept</h1>"
 http-error status 504 content-type text/html hdr server awselb/2.0 string "<h1>The target does not answer</h1>"
frontend listeners
 bind $address:80
 bind $address:443
 option forwardfor
 http-request set-header X-Forwarded-Port %[dst_port]
 http-request set-header X-Forwarded-Proto http if { dst_port 80 }
 http-request set-header X-Forwarded-Proto https unless { dst_port 80 }
 default_backend routing
backend routing
 option http-server-close
 http-reuse never
 server inner abns@$name
frontend inner
 bind abns@$name
 log ring@answers format raw local0
 log-format "%rt %[var(txn.took)]"
 http-request set-var(txn.began) date(0,us)
 acl deserted nbsrv(targets) eq 0
 http-request set-var(proc.elb_503) var(proc.elb_503),add(1) if deserted
 http-request return status 503 content-type text/html hdr server awselb/2.0 string "<h1>No target</h1>" if deserted
 default_backend targets
backend targets
 balance roundrobin
 timeout server ${idle}ms
 http-response set-var(txn.from_target) bool(true)
 http-response set-var(txn.took) date(0,us),sub(txn.began)
 http-response set-var(proc.target_2xx) var(proc.target_2xx),add(1) if { status 200:299 }
 http-response set-var(proc.target_3xx) var(proc.target_3xx),add(1) if { status 300:399 }
 http-response set-var(proc.target_4xx) var(proc.target_4xx),add(1) if { status 400:499 }
 http-response set-var(proc.target_5xx) var(proc.target_5xx),add(1) if { status 500:599 }
 http-after-response set-var(txn.waited) date(0,us),sub(txn.began)
 acl targets_own var(txn.from_target) -m found
 acl timed_out var(txn.waited) -m int ge $patience
 http-after-response set-var(proc.unconnected) var(proc.unconnected),add(1) if { status 503 } !targets_own
 http-after-response set-status 504 reason "Gateway Time-out" if { status 503 } !targets_own timed_out
 http-after-response set-status 502 reason "Bad Gateway" if { status 503 } !targets_own
 http-after-response set-var(proc.elb_502) var(proc.elb_502),add(1) if { status 502 } !targets_own
 http-after-response set-var(proc.elb_504) var(proc.elb_504),add(1) if { status 504 } !targets_own
""")


@dataclass(frozen=True)
class Counters:
    """What a node has counted since it started: requests, answers of its own by code, targets' by hundreds."""

    requests: int = 0
    elb_502: int = 0
    elb_503: int = 0
    elb_504: int = 0
    target_2xx: int = 0
    target_3xx: int = 0
    target_4xx: int = 0
    target_5xx: int = 0
    unconnected: int = 0
    """Connections to targets that were refused or timed out."""

    def plus(self, other: Counters) -> Counters:
        """The sum of both."""
        return Counters(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    def since(self, before: Counters) -> Counters:
        """What has been counted after ``before``."""
        return Counters(**{name: value - getattr(before, name) for name, value in vars(self).items()})


_VARIABLES = tuple(field.name for field in fields(Counters) if field.name != "requests")


class HaproxyNode:
    """A load balancer node in one zone's public subnet. Not thread-safe: its balancer serialises the calls.

    Raises ``TwinFault`` when the process does not start, is gone, or refuses a command.
    """

    def __init__(self, network: Network, clock: Clock, state: Path, name: str, place: str, address: str) -> None:
        self.place = place
        self.address = address
        self._network = network
        self._clock = clock
        self._name = name
        self._folder = state / "haproxy"
        self._process: subprocess.Popen[bytes] | None = None
        self._last_answer = -1

    @property
    def pid(self) -> int | None:
        """The process, or ``None`` before the start and after the end."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def frozen(self) -> bool:
        """Whether the process is stopped: it would answer nobody, and whoever asks waits in vain."""
        pid = self.pid
        return pid is not None and stopped(pid)

    def start(self) -> None:
        """Start without targets and return when the node answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        configuration = self._folder / f"{self._name}.cfg"
        configuration.write_text(self._configuration())
        self._network.address(self.place, self.address)
        self._process = self._network.spawn(self._name, self.place, ["haproxy", "-db", "-f", str(configuration)])
        deadline = monotonic_nanoseconds() + _START_SECONDS * 1_000_000_000
        while not self._answers():
            if self.pid is None or monotonic_nanoseconds() > deadline:
                raise TwinFault(f"{self._name} did not start.", f"Read logs/{self._name}.log.")
            real_sleep(0.01)

    def stop(self) -> None:
        """End the process and every connection at once."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def add(self, target: str) -> None:
        """Register a target's address; it gets no traffic yet."""
        answer = self._ask(f"add server targets/{target} {target}:{TARGET_PORT}")
        if answer != "New server registered.":
            raise TwinFault(f"{self._name}: {answer}")
        self.withhold(target)

    def admit(self, target: str) -> None:
        """Send new requests to a target."""
        self._order(f"set server targets/{target} state ready")

    def withhold(self, target: str) -> None:
        """Send no new requests to a target; those under way go on."""
        self._order(f"set server targets/{target} state drain")

    def remove(self, target: str) -> bool:
        """Cut the target's requests and forget it; ``False`` while its connections are still closing: ask again."""
        self._order(f"set server targets/{target} state maint")
        self._order(f"shutdown sessions server targets/{target}")
        answer = self._ask(f"del server targets/{target}")
        if answer not in ("Server deleted.", "Server still has connections attached to it, cannot remove it."):
            raise TwinFault(f"{self._name}: {answer}")
        return answer == "Server deleted."

    def counters(self) -> Counters:
        """Everything counted since the start."""
        told = self._ask(";".join(["show stat -1 1 -1", *(f"get var proc.{name}" for name in _VARIABLES)]))
        rows = [row.split(",") for row in told.splitlines()]
        column = rows[0].index("req_tot")
        values = dict(re.findall(r"proc\.(\w+): type=sint value=<(\d+)>", told))
        if set(values) != set(_VARIABLES):
            raise TwinFault(f"{self._name}: {told}")
        requests = sum(int(row[column]) for row in rows if row[0] == "inner")
        return Counters(requests, **{name: int(value) for name, value in values.items()})

    def response_times(self) -> list[Duration]:
        """From sending each request to a target until its answer began, since the last call; AWS time.

        The node remembers about its last 3000 requests.
        """
        seen = [(int(words[0]), words[1]) for words in map(str.split, self._ask("show events answers").splitlines())]
        fresh = [took for number, took in seen if number > self._last_answer and took.isdigit()]
        self._last_answer = max([self._last_answer, *(number for number, _ in seen)])
        return [seconds(int(took) / 1e6 * self._clock.speed) for took in fresh]

    def _configuration(self) -> str:
        connect, idle = (round(self._clock.real_seconds(span) * 1000) for span in (CONNECT, IDLE))
        return _CONFIGURATION.substitute(
            name=self._name,
            socket=self._socket,
            address=self.address,
            connect=connect,
            patience=round(connect * 950),
            zeros="\n".join(f" set-var proc.{name} int(0)" for name in _VARIABLES),
            idle=idle,
            outer=idle + connect + 1000,
        )

    @property
    def _socket(self) -> Path:
        return self._folder / f"{self._name}.sock"

    def _answers(self) -> bool:
        try:
            return bool(self._ask("show info"))
        except TwinFault:
            return False

    def _order(self, command: str) -> None:
        answer = self._ask(command)
        if answer:
            raise TwinFault(f"{self._name}: {command}: {answer}")

    def _ask(self, command: str) -> str:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.settimeout(_ASK_SECONDS)
                line.connect(str(self._socket))
                line.sendall(command.encode() + b"\n")
                pieces = []
                while piece := line.recv(65536):
                    pieces.append(piece)
        except OSError as error:
            raise TwinFault(f"{self._name} does not answer: {error}", f"Read logs/{self._name}.log.") from error
        return b"".join(pieces).decode().strip()
