"""The WAN's link matrix: shared memory that the control plane writes and the router process reads, packet by packet.

Layout, little-endian: 256 bytes map the second octet of an address to a node index (255: nobody); then the number of
nodes as u64; then, for each ordered pair of nodes, 32 bytes: one-way delay in nanoseconds u64, loss in parts per
million u32, down u32, epoch u32 (a new one condemns every packet in flight), padding.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Sequence
from pathlib import Path

NOBODY = 255
OCTETS = 256
CELL = struct.Struct("<QIII12x")
_COUNT = struct.Struct("<Q")
START = OCTETS + _COUNT.size


class Matrix:
    """One mapping of the matrix. Each cell has one writer at a time (the caller's lock) and one reader."""

    def __init__(self, path: Path | str) -> None:
        with Path(path).open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)
        (self.nodes,) = _COUNT.unpack_from(self.memory, OCTETS)

    @classmethod
    def create(cls, path: Path, octets: Sequence[int]) -> Matrix:
        """A new matrix for nodes with these address octets, in order; every path is down."""
        count = len(octets)
        table = bytearray([NOBODY] * OCTETS)
        for index, octet in enumerate(octets):
            table[octet] = index
        path.write_bytes(bytes(table) + _COUNT.pack(count) + CELL.pack(0, 0, 1, 0) * (count * count))
        return cls(path)

    def offset(self, a: int, b: int) -> int:
        """Where the cell of the path from ``a`` to ``b`` begins."""
        offset: int = START + (a * self.nodes + b) * CELL.size
        return offset

    def write(self, a: int, b: int, *, delay: int, loss: int, down: bool, condemn: bool) -> None:
        """Set a path: delay in real nanoseconds, loss in parts per million; ``condemn`` loses what is in flight."""
        offset = self.offset(a, b)
        epoch = CELL.unpack_from(self.memory, offset)[3]
        CELL.pack_into(self.memory, offset, delay, loss, int(down), (epoch + int(condemn)) & 0xFFFFFFFF)

    def read(self, a: int, b: int) -> tuple[int, int, bool, int]:
        """A path's delay in real nanoseconds, loss in parts per million, whether it is down, and its epoch."""
        delay, loss, down, epoch = CELL.unpack_from(self.memory, self.offset(a, b))
        return delay, loss, bool(down), epoch

    def close(self) -> None:
        """Unmap."""
        self.memory.close()
