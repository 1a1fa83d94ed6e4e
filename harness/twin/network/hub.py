"""The WAN without /dev/net/tun: cables into a namespace of their own, whose ends the router reads as raw frames.

Where the device is closed, as for most ordinary users, CAP_NET_RAW of the user namespace is enough for AF_PACKET. All
ends have one hardware address, so a frame is carried from one to another as it is.
"""

from __future__ import annotations

import contextlib
import os
import socket

from harness.twin.network import kernel
from harness.twin.network.layout import Place
from harness.twin.network.namespaces import Manners, Namespace, write_settings
from harness.twin.network.netlink import Cable, Netlink

_HARDWARE = bytes([2, 0, 0, 0, 0, 1])
_SOL_PACKET = 263
_VNET_HDR, _QDISC_BYPASS, _IGNORE_OUTGOING = 15, 20, 23
_IPV4 = 0x0800
_RECEIVE_BUFFER = 16 << 20
_SO_RCVBUFFORCE = 33


class Hub:
    """The namespace of the cables' outer ends. Make it on a thread of its own: that thread is moved there and stays."""

    def __init__(self, manners: Manners) -> None:
        kernel.unshare(kernel.NEW_NET)
        write_settings(manners.common())
        self._descriptor = os.open(kernel.OWN_NET, os.O_RDONLY | os.O_CLOEXEC)
        self._netlink = Netlink()

    def open(self, place: Place, namespace: Namespace, queue: int) -> int:
        """Lay a cable to the place; the descriptor of its outer end, whose frames have a virtio header before them."""
        name = f"wan{place.octet}"
        self._netlink.lay(Cable(name, place.link, _HARDWARE), namespace.descriptor)
        with kernel.inside_net(self._descriptor):
            self._netlink.raise_link(socket.if_nametoindex(name), queue=queue)
            end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        for option in (_VNET_HDR, _IGNORE_OUTGOING, _QDISC_BYPASS):
            end.setsockopt(_SOL_PACKET, option, 1)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        with contextlib.suppress(PermissionError):  # beyond net.core.rmem_max: only some kernels let a namespace's root
            end.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        end.bind((name, _IPV4))
        end.setblocking(False)
        return end.detach()

    def close(self) -> None:
        """Let go of it; the cables end with the places."""
        self._netlink.close()
        os.close(self._descriptor)
