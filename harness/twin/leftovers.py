"""What is still around of a checkout's twin, as the host's kernel tells it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.processes import birth
from harness.twin.network import kernel
from harness.twin.network.namespaces import apart
from harness.twin.state import NAMES, living_init

_PROC = Path("/proc")


@dataclass(frozen=True)
class Leftovers:
    """Processes (as the host numbers them; zombies do not count), and the network namespaces, System V shared memory
    segments and semaphore sets that they keep alive.
    """

    processes: tuple[int, ...]
    namespaces: int
    segments: int

    def __bool__(self) -> bool:
        return bool(self.processes or self.namespaces or self.segments)

    def __str__(self) -> str:
        return f"{len(self.processes)} processes, {self.namespaces} network namespaces, {self.segments} segments"


def mark(checkout: Path) -> str:
    """The name of the tmpfs that every process of a checkout's twin has among its mounts."""
    status = checkout.stat()
    return f"twin-{status.st_dev:x}-{status.st_ino:x}"


def leftovers(checkout: Path) -> Leftovers:
    """Look for processes that see the twin's mounts, and for what lives through them.

    Mounts rather than namespace numbers identify them: the kernel gives a freed number to the next namespace. A dying
    process has given its mounts up already, so init, which dies last, counts by its number and birth.
    """
    source, init = mark(checkout.resolve()), living_init(checkout)
    found = tuple(pid for pid in _processes() if pid == init or _sees(pid, source))
    spaces = {space for pid in found for space in _net_namespaces(pid)}
    segments = {space: _segments(pid) for pid in found if (space := _inode(f"/proc/{pid}/ns/ipc"))}
    return Leftovers(found, len(spaces), sum(segments.values()))


def _processes() -> Iterator[int]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and birth(int(entry.name)) is not None:
            yield int(entry.name)


def _lines(path: str) -> list[str]:
    """The lines of a file of a process, none when the process is gone (or, as a zombie, has no mounts)."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _sees(pid: int, source: str) -> bool:
    return any(line.partition(" - ")[2].split()[1:2] == [source] for line in _lines(f"/proc/{pid}/mountinfo"))


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None


def _net_namespaces(pid: int) -> Iterator[str]:
    """The one it is in, and those that the twin's own mounts name.

    A twin is born with a copy of the host's mounts, and whatever network a neighbour holds there is none of its own.
    """
    inode = _inode(f"/proc/{pid}/ns/net")
    if inode is not None:
        yield f"net:[{inode}]"
    for line in _lines(f"/proc/{pid}/mountinfo"):
        root, place = line.split()[3:5]
        if root.startswith("net:[") and Path(place).parent == NAMES:
            yield root


def _segments(pid: int) -> int:
    """How many shared memory segments and semaphore sets the process's ipc namespace holds."""
    if os.geteuid() != 0:
        return _segments_of_ours(pid)

    def count() -> int:
        try:
            descriptor = os.open(f"/proc/{pid}/ns/ipc", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return 0
        try:
            kernel.setns(descriptor, kernel.NEW_IPC)
        finally:
            os.close(descriptor)
        return sum(max(0, len(_lines(f"/proc/sysvipc/{kind}")) - 1) for kind in ("shm", "sem"))

    return apart(count)


def _segments_of_ours(pid: int) -> int:
    """The same for an ordinary user, who is root in the process's user namespace only, where no thread can go alone."""
    spaces = [f"--{option}=/proc/{pid}/ns/{option}" for option in ("user", "ipc")]
    files = [f"/proc/sysvipc/{kind}" for kind in ("shm", "sem")]
    found = subprocess.run(
        ["nsenter", *spaces, "--preserve-credentials", "cat", *files], capture_output=True, text=True, check=False
    )
    return max(0, len(found.stdout.splitlines()) - len(files))
