"""A Redis node as ElastiCache runs it: no persistence, the commands that ElastiCache refuses refused.

It listens on its subnet address for clients and on its backplane address for replication and for the controller, who
is a user of its own, since the refused commands are exactly the ones that a controller needs.
Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ClientConfig.RestrictedCommands.html
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path
from string import Template

from harness.clock import Clock, Duration, monotonic_nanoseconds, real_sleep, seconds
from harness.errors import TwinFault
from harness.processes import stopped
from harness.twin.network.network import Network

PORT = 6379
_CONTROLLER = "controller"
_START_SECONDS = 10
_ADMIN_SECONDS = 2
_TICKS, _MOST_TICKS = 10, 500
"""How often a second Redis looks for commands that have blocked long enough: by default, and at the most."""
_REFUSED = (
    "bgrewriteaof bgsave config debug migrate replicaof save slaveof shutdown sync psync replconf failover module "
    "acl|setuser acl|deluser acl|load acl|save cluster|meet cluster|forget cluster|failover cluster|reset "
    "cluster|replicate cluster|addslots cluster|delslots cluster|setslot cluster|flushslots cluster|bumpepoch"
)

_CONFIGURATION = Template("""\
bind $address $backplane
bind-source-addr $backplane
port $port
dir $folder
save ""
appendonly no
protected-mode no
maxmemory 64mb
hz $ticks
loglevel notice
shutdown-timeout 0
repl-diskless-sync yes
repl-diskless-sync-delay 0
repl-ping-replica-period 1
repl-timeout 5
replica-announce-ip $backplane
masteruser $controller
masterauth $controller
user default on nopass ~* &* +@all $refused
user $controller on nopass ~* &* +@all
""")


class RedisNode:
    """One cache node. Starting again after :meth:`kill` begins empty, as a replaced node does.

    Raises ``TwinFault`` when the process does not start or does not do as the controller says. Not thread-safe.
    """

    def __init__(
        self, network: Network, clock: Clock, state: Path, name: str, place: str, address: str, backplane: str
    ) -> None:
        self.name = name
        self.place = place
        self.address = address
        self.backplane = backplane
        self._network = network
        self._clock = clock
        self._folder = state / "redis" / name
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process, or ``None`` when there is none."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def frozen(self) -> bool:
        """Whether the process is stopped, as by :meth:`freeze`."""
        pid = self.pid
        return pid is not None and stopped(pid)

    def start(self, primary: str | None = None) -> None:
        """Start empty, as a primary or as a replica of the node at that backplane address; returns when it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for address in (self.address, self.backplane):
            self._network.address(self.place, address)
        file = self._folder / "redis.conf"
        file.write_text(self._configuration(primary))
        self._process = self._network.spawn(self.name, self.place, ["redis-server", str(file)])
        deadline = monotonic_nanoseconds() + _START_SECONDS * 1_000_000_000
        while not self._answers():
            if self.pid is None or monotonic_nanoseconds() > deadline:
                raise TwinFault(f"{self.name} did not start.", f"Read logs/{self.name}.log.")
            real_sleep(0.01)

    def kill(self) -> None:
        """End the process at once; nothing it held survives."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def remove(self) -> None:
        """End the process and give its addresses and files back: the node is no more."""
        self.kill()
        for address in (self.address, self.backplane):
            self._network.remove_address(self.place, address)
        shutil.rmtree(self._folder, ignore_errors=True)

    def freeze(self) -> None:
        """Stop the process in its tracks: connections stay and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        self._signal(signal.SIGCONT)

    def promote(self) -> None:
        """Make this node a primary."""
        self._order("REPLICAOF", "NO", "ONE")

    def follow(self, primary: str) -> None:
        """Make this node a replica of the one at that backplane address; what only this one held is lost."""
        self._order("REPLICAOF", primary, str(PORT))

    def info(self, section: str = "default") -> Mapping[str, str]:
        """Redis's INFO as pairs."""
        lines = self._ask("INFO", section).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))

    def reachable(self, place: str, timeout: Duration) -> bool:
        """Whether the node accepts a connection from ``place`` over the backplane; a paused or frozen one does."""
        try:
            with self._network.connect(place, (self.backplane, PORT), timeout):
                return True
        except OSError:
            return False

    def hosted(self, place: str, timeout: Duration) -> bool:
        """Whether ``place`` reaches the node's host over the backplane, be there a process or none."""
        try:
            with self._network.connect(place, (self.backplane, PORT), timeout):
                return True
        except ConnectionRefusedError:
            return True
        except OSError:
            return False

    def _configuration(self, primary: str | None) -> str:
        text = _CONFIGURATION.substitute(
            address=self.address,
            backplane=self.backplane,
            port=PORT,
            ticks=min(_MOST_TICKS, round(_TICKS * self._clock.speed)),
            folder=self._folder,
            controller=_CONTROLLER,
            refused=" ".join(f"-{command}" for command in _REFUSED.split()),
        )
        return text + (f"replicaof {primary} {PORT}\n" if primary else "")

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is None or self._process is None:
            raise TwinFault(f"{self.name} does not run.")
        self._process.send_signal(number)

    def _answers(self) -> bool:
        try:
            return self._ask("PING") == "PONG"
        except TwinFault:
            return False

    def _order(self, *words: str) -> None:
        answer = self._ask(*words)
        if not answer.startswith("OK"):
            raise TwinFault(f"{self.name}: {' '.join(words)}: {answer}")

    def _ask(self, *words: str) -> str:
        patience = seconds(_ADMIN_SECONDS * self._clock.speed)
        try:
            with (
                self._network.connect(self.place, (self.backplane, PORT), patience) as line,
                line.makefile("rb") as answers,
            ):
                line.sendall(_encoded("AUTH", _CONTROLLER, _CONTROLLER) + _encoded(*words))
                _reply(answers)
                return _reply(answers)
        except OSError as error:
            raise TwinFault(f"{self.name} does not answer: {error}", f"Read logs/{self.name}.log.") from error


def _encoded(*words: str) -> bytes:
    return f"*{len(words)}\r\n".encode() + b"".join(f"${len(word)}\r\n{word}\r\n".encode() for word in words)


def _reply(answers: BufferedReader) -> str:
    """One status, error or bulk reply of Redis's protocol."""
    line = answers.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("the connection was closed")
    kind, rest = line[:1], line[1:].strip().decode()
    if kind == b"$":
        return answers.read(int(rest) + 2)[:-2].decode()
    if kind == b"-":
        raise TwinFault(f"Redis refused: {rest}")
    return rest
