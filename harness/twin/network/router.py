"""The WAN router: a process of its own that carries every packet between regions and locations, late or never.

    python -I -S router.py CHECKOUT MATRIX HEADER TUN TUN…

Each TUN is a descriptor, in the matrix's order of nodes, of a TUN device or of a raw packet socket. Packets come with
HEADER bytes before them: a virtio header (10), so the kernel hands over whole TCP segments of up to 64 KB, and on a
packet socket the frame's (14). It says ``ready`` on its standard output, and ends when its standard
input does, hence with its parent.
Isolated and without site, because a small process is wanted (8 MB).
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
from collections.abc import Sequence
from heapq import heappop, heappush
from select import select
from typing import TYPE_CHECKING

if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])

from harness.clock import monotonic_nanoseconds
from harness.twin.network.kernel import sharp_timers
from harness.twin.network.matrix import CELL, NOBODY, Matrix

if TYPE_CHECKING:
    Waiting = tuple[int, int, int, bytes, int, int]

VIRTIO_HEADER = 10
FRAME_HEADER = 14
READY = b"ready"
_LARGEST = 65_600
_SECOND_OCTET_OF_DESTINATION = 17
_BATCH = 64
_BUFFER = 50_000
"""Packets in flight at most; a router that is offered more drops them."""
_MILLION = 1_000_000
_OVERSLEEP_MOST = 300_000
"""Nanoseconds of lateness that the router makes up for at most; a preemption is no oversleep."""


class Router:
    """Packets in flight, as a heap by the instant of their delivery."""

    def __init__(self, matrix: Matrix, tuns: Sequence[int], header: int = VIRTIO_HEADER) -> None:
        self._matrix = matrix
        self._destination = header + _SECOND_OCTET_OF_DESTINATION
        self._tuns = list(tuns)
        self._flight: list[Waiting] = []
        self._count = 0
        self._oversleep = 0

    def deliver(self, now: int) -> None:
        """Hand over what is due; what was in flight on a path that has since been cut is lost."""
        memory, flight = self._matrix.memory, self._flight
        while flight and flight[0][0] <= now:
            _, _, tun, packet, offset, epoch = heappop(flight)
            _, _, down, current = CELL.unpack_from(memory, offset)
            if down or current != epoch:
                continue
            with contextlib.suppress(
                OSError
            ):  # the kernel refuses a malformed packet or a full queue: lost, as in life
                os.write(tun, packet)

    def accept(self, source: int) -> None:
        """Take a batch of packets from one node."""
        matrix, tun, destination = self._matrix, self._tuns[source], self._destination
        row = matrix.offset(source, 0)
        for _ in range(_BATCH):
            try:
                packet = os.read(tun, _LARGEST)
            except BlockingIOError:
                return
            target = matrix.memory[packet[destination]]
            if target == NOBODY or len(self._flight) >= _BUFFER:
                continue
            offset = row + target * CELL.size
            delay, loss, down, epoch = CELL.unpack_from(matrix.memory, offset)
            if down or (loss and random.random() * _MILLION < loss):
                continue
            self._count += 1
            # The clock is read after the packet: with a reading from before, a preempted loop delivers early.
            due = monotonic_nanoseconds() + delay
            heappush(self._flight, (due, self._count, self._tuns[target], packet, offset, epoch))

    def wait(self, watched: Sequence[int]) -> Sequence[int]:
        """Sleep until the next delivery or packet; returns the descriptors that can be read.

        A virtual machine wakes up some 0.1 ms late. The router learns how much, sets its alarm that much earlier, and
        looks again at once when it is early after all.
        """
        # select() because its time-out has microseconds; epoll's and poll's have milliseconds.
        if not self._flight:
            return select(watched, (), ())[0]
        alarm = self._flight[0][0] - self._oversleep
        span = max(0, alarm - monotonic_nanoseconds())
        ready, _, _ = select(watched, (), (), span / 1e9)
        if span and not ready:
            late = min(monotonic_nanoseconds() - alarm, _OVERSLEEP_MOST)
            self._oversleep += (late - self._oversleep) // 8
        return ready

    def run(self, leash: int) -> None:
        """Carry packets until ``leash`` reaches its end."""
        nodes = {tun: index for index, tun in enumerate(self._tuns)}
        watched = [leash, *self._tuns]
        while True:
            self.deliver(monotonic_nanoseconds())
            for descriptor in self.wait(watched):
                if descriptor == leash:
                    return
                self.accept(nodes[descriptor])


def main(arguments: Sequence[str]) -> None:
    """Run the router on the arguments of the command line."""
    _, matrix, header, *tuns = arguments
    sharp_timers()
    router = Router(Matrix(matrix), [int(tun) for tun in tuns], int(header))
    os.write(1, READY)
    router.run(leash=0)


if __name__ == "__main__":
    main(sys.argv[1:])
