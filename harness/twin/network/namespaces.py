"""Network namespaces: one for each place, held by descriptors and by names that other processes can open."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from harness.twin.network import kernel
from harness.twin.network.layout import Place
from harness.twin.network.netlink import Netlink

T = TypeVar("T")
LOOPBACK = 1
_SYSCTL = Path("/proc/sys/net")


def apart(action: Callable[[], T]) -> T:
    """Run ``action`` on a thread of its own and return what it returns (or raise what it raises).

    For what cannot be taken back in a living thread: a mount namespace, or many network namespaces in a row.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(action())
        except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
            outcome.set_exception(error)

    thread = threading.Thread(target=run, name="twin-apart", daemon=True)
    thread.start()
    thread.join()
    return outcome.result()


@dataclass(frozen=True)
class Manners:
    """The kernel settings of every namespace, scaled by the twin's speed; a setting that a kernel lacks is left out.

    TCP's back-off is the kernel's own and would not shrink with AWS time: its least and its greatest time-out do.
    """

    speed: float

    def common(self) -> Iterator[tuple[str, str]]:
        """What every place gets."""
        for scope in ("all", "default"):
            yield f"ipv6/conf/{scope}/disable_ipv6", "1"
            yield f"ipv4/conf/{scope}/rp_filter", "0"
        yield "ipv4/ip_unprivileged_port_start", "0"
        yield "ipv4/tcp_syn_retries", "4"
        yield "ipv4/tcp_orphan_retries", "3"
        yield "ipv4/tcp_no_metrics_save", "1"
        yield "ipv4/tcp_rto_min_us", str(max(20_000, round(200_000 / self.speed)))
        yield "ipv4/tcp_rto_max_ms", str(max(1_000, round(120_000 / self.speed)))
        yield "ipv4/tcp_congestion_control", "reno"  # the only one that every kernel allows in a namespace

    def router(self) -> Iterator[tuple[str, str]]:
        """What a router gets besides."""
        yield "ipv4/ip_forward", "1"
        for scope in ("all", "default"):
            yield f"ipv4/conf/{scope}/send_redirects", "0"


def write_settings(settings: Iterable[tuple[str, str]]) -> None:
    """Write sysctls below ``net/`` of this thread's namespace."""
    for name, value in settings:
        path = _SYSCTL / name
        if path.exists():
            path.write_text(value, encoding="ascii")


@dataclass(frozen=True)
class Namespace:
    """A living network namespace: ``descriptor`` keeps it, ``path`` names it, ``netlink`` speaks inside it."""

    place: Place
    descriptor: int
    path: Path
    netlink: Netlink

    @classmethod
    def make(cls, place: Place, names: Path, manners: Manners) -> Namespace:
        """A new one; the calling thread is moved into it and stays (call it by way of :func:`apart`)."""
        kernel.unshare(kernel.NEW_NET)
        write_settings(manners.common())
        if place.kind == "region":
            write_settings(manners.router())
        path = names / place.name
        path.touch()
        kernel.bind(kernel.OWN_NET, path)
        descriptor = os.open(kernel.OWN_NET, os.O_RDONLY | os.O_CLOEXEC)
        netlink = Netlink()
        netlink.raise_link(LOOPBACK)
        return cls(place, descriptor, path, netlink)

    def inside(self) -> contextlib.AbstractContextManager[None]:
        """This thread is in here meanwhile."""
        return kernel.inside_net(self.descriptor)

    def close(self) -> None:
        """Let go of it; it ends with the last process in it."""
        self.netlink.close()
        os.close(self.descriptor)
        kernel.unmount(self.path)
        self.path.unlink()
