"""The system calls that Python 3.11 does not offer: namespaces, mounts, and the calling thread's place in them.

Every call concerns the calling *thread* only. Each raises ``OSError`` with the kernel's errno.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

NEW_MOUNTS = 0x00020000
NEW_IPC = 0x08000000
NEW_USER = 0x10000000
NEW_PIDS = 0x20000000
NEW_NET = 0x40000000

MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE, MS_SLAVE = 0x1000, 0x4000, 0x40000, 0x80000
_DETACH = 2
_SET_TIMER_SLACK = 29

_LIBC = ctypes.CDLL(None, use_errno=True)
OWN_NET = "/proc/thread-self/ns/net"


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def setns(descriptor: int, kind: int) -> None:
    """Move this thread into the namespace behind ``descriptor``; ``kind`` is one of the NEW_ constants."""
    _check(_LIBC.setns(descriptor, kind), "setns")


def unshare(kinds: int) -> None:
    """Give this thread new namespaces. New pids concern its children only; new mounts also unshare its directory."""
    _check(_LIBC.unshare(kinds), "unshare")


def own_user_namespace(kinds: int, *, uid: int, gid: int) -> None:
    """Give this process, which must have one thread, a user namespace (and ``kinds``) that knows its own user only.

    The user and its group are called ``uid`` and ``gid`` there.
    """
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    unshare(NEW_USER | kinds)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {outer_uid} 1"), ("gid_map", f"{gid} {outer_gid} 1")):
        Path("/proc/self", name).write_text(text, encoding="ascii")


def mount(source: str, target: Path | str, kind: str | None, flags: int, options: str = "") -> None:
    """mount(2)."""
    fields = (source.encode(), os.fsencode(target), kind.encode() if kind else None)
    _check(_LIBC.mount(*fields, ctypes.c_ulong(flags), options.encode()), f"mount {target}")


def bind(source: Path | str, target: Path | str) -> None:
    """Let ``target`` show what ``source`` is."""
    mount(str(source), target, None, MS_BIND)


def unmount(target: Path | str) -> None:
    """Take a mount away, also while it is in use."""
    _check(_LIBC.umount2(os.fsencode(target), _DETACH), f"umount {target}")


def private_mounts(propagation: int) -> None:
    """Give this thread mounts of its own. ``propagation``: MS_PRIVATE, or MS_SLAVE to go on seeing unmounts."""
    unshare(NEW_MOUNTS)
    mount("none", "/", None, MS_REC | propagation)


def sharp_timers() -> None:
    """Wake this thread from sleep within microseconds; the kernel's default slack is 50."""
    _check(_LIBC.prctl(_SET_TIMER_SLACK, ctypes.c_ulong(1), 0, 0, 0), "prctl")


@contextlib.contextmanager
def inside_net(descriptor: int) -> Iterator[None]:
    """This thread is in that network namespace meanwhile, and then back where it was; nests."""
    before = os.open(OWN_NET, os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(descriptor, NEW_NET)
        try:
            yield
        finally:
            setns(before, NEW_NET)
    finally:
        os.close(before)
