"""The wide-area network as the control plane holds it: distances, cuts and losses, written to the router's matrix."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.clock import Clock, Duration
from harness.errors import TwinFault
from harness.twin.network import router
from harness.twin.network.layout import Link
from harness.twin.network.matrix import Matrix

_IFF_TUN, _IFF_NO_PI, _IFF_VNET_HDR = 0x1, 0x1000, 0x4000
_TUNSETIFF, _TUNSETOFFLOAD, _TUNSETVNETHDRSZ = 0x400454CA, 0x400454D0, 0x400454D8
_CHECKSUM, _TSO4, _TSO6 = 1, 2, 4
_TUN = "/dev/net/tun"
_MILLION = 1_000_000
_CHECKOUT = Path(router.__file__).resolve().parents[3]

Pair = frozenset[str]


def open_tun(name: str) -> int:
    """A TUN device in this thread's network namespace; it lives as long as the descriptor."""
    descriptor = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        flags = _IFF_TUN | _IFF_NO_PI | _IFF_VNET_HDR
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
        fcntl.ioctl(descriptor, _TUNSETVNETHDRSZ, struct.pack("i", router.VIRTIO_HEADER))
        fcntl.ioctl(descriptor, _TUNSETOFFLOAD, _CHECKSUM | _TSO4 | _TSO6)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def has_tun() -> bool:
    """Whether this process may make TUN devices."""
    try:
        os.close(os.open(_TUN, os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


class Wan:
    """Every path between regions and locations; thread-safe.

    Causes add up: a path carries packets when it is not cut and neither end is lost. Taking a path down loses what is
    in flight on it, even when it comes back at once. Names that are no nodes, and pairs without a path (two
    locations), raise ``TwinFault``.
    """

    def __init__(self, clock: Clock, nodes: Sequence[tuple[str, int]], links: Iterable[Link], path: Path) -> None:
        self._clock = clock
        self._matrix = Matrix.create(path, [octet for _, octet in nodes])
        self._path = path
        self._index = {name: index for index, (name, _) in enumerate(nodes)}
        self._design = {frozenset({link.a, link.b}): link.round_trip for link in links}
        self._slowed: dict[Pair, Duration] = {}
        self._loss: dict[Pair, float] = {}
        self._cut: set[Pair] = set()
        self._lost: set[str] = set()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._write(self._design)

    def start(self, tuns: Sequence[int], log: Path, *, frames: bool) -> None:
        """Start the router process on descriptors in the order of the nodes: TUN devices, or ``frames``."""
        header = router.VIRTIO_HEADER + (router.FRAME_HEADER if frames else 0)
        command = [sys.executable, "-I", "-S", str(router.__file__), str(_CHECKOUT), str(self._path), str(header)]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*command, *map(str, tuns)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                pass_fds=tuns,
                start_new_session=True,
            )

    def await_router(self) -> None:
        """Return when the router carries packets; raises ``TwinFault`` when it ended instead."""
        if self._process is None or self._process.stdout is None or not self._process.stdout.read(len(router.READY)):
            raise TwinFault("The WAN router did not start.", "Read wan.log in the twin's logs.")

    def stop(self) -> None:
        """End the router process; packets in flight are lost."""
        if self._process is not None:
            self._process.communicate()
            self._process = None
        self._matrix.close()

    @property
    def process(self) -> int:
        """The router's process id, for measuring it."""
        if self._process is None:
            raise TwinFault("The WAN router does not run.", "Call Network.up() first.")
        return self._process.pid

    def cut(self, a: str, b: str) -> None:
        """Let nothing pass between ``a`` and ``b``, in either direction."""
        with self._lock:
            pair = self._pair(a, b)
            self._cut.add(pair)
            self._write([pair], condemn=True)

    def join(self, a: str, b: str) -> None:
        """Take a cut back."""
        with self._lock:
            pair = self._pair(a, b)
            self._cut.discard(pair)
            self._write([pair])

    def lose(self, name: str) -> None:
        """Take every path of a region or location down."""
        with self._lock:
            self._node(name)
            self._lost.add(name)
            self._write(self._paths(name), condemn=True)

    def restore(self, name: str) -> None:
        """Take a loss back; cuts stay."""
        with self._lock:
            self._node(name)
            self._lost.discard(name)
            self._write(self._paths(name))

    def slow(self, a: str, b: str, round_trip: Duration | None) -> None:
        """Change a round trip; ``None`` is the design's own again."""
        with self._lock:
            pair = self._pair(a, b)
            self._slowed.pop(pair, None)
            if round_trip is not None:
                self._slowed[pair] = round_trip
            self._write([pair])

    def drop(self, a: str, b: str, ratio: float) -> None:
        """Lose this share of packets in each direction, at random; 0 is none again."""
        if not 0 <= ratio <= 1:
            raise TwinFault(f"A share of packets lies between 0 and 1, not {ratio}.")
        with self._lock:
            pair = self._pair(a, b)
            self._loss[pair] = ratio
            self._write([pair])

    def is_down(self, a: str, b: str) -> bool:
        """Whether nothing passes between two nodes now."""
        with self._lock:
            return self._down(self._pair(a, b))

    def round_trip(self, a: str, b: str) -> Duration:
        """How long a packet takes there and back now, in AWS time."""
        with self._lock:
            return self._trip(self._pair(a, b))

    def _down(self, pair: Pair) -> bool:
        return pair in self._cut or not self._lost.isdisjoint(pair)

    def _trip(self, pair: Pair) -> Duration:
        return self._slowed.get(pair, self._design[pair])

    def _node(self, name: str) -> None:
        if name not in self._index:
            raise TwinFault(f"{name} is no region and no location.", f"One of {', '.join(self._index)}.")

    def _pair(self, a: str, b: str) -> Pair:
        pair = frozenset({a, b})
        if pair not in self._design:
            self._node(a)
            self._node(b)
            raise TwinFault(f"There is no path between {a} and {b}.")
        return pair

    def _paths(self, name: str) -> list[Pair]:
        return [pair for pair in self._design if name in pair]

    def _write(self, pairs: Iterable[Pair], *, condemn: bool = False) -> None:
        for pair in pairs:
            a, b = (self._index[name] for name in pair)
            delay = round(self._clock.real_seconds(self._trip(pair)) * 1e9 / 2)
            loss = round(self._loss.get(pair, 0.0) * _MILLION)
            for source, target in ((a, b), (b, a)):
                self._matrix.write(source, target, delay=delay, loss=loss, down=self._down(pair), condemn=condemn)
