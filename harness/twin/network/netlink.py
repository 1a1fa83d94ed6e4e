"""rtnetlink, as little of it as the twin needs: links, addresses and routes without starting a process.

A socket stays in the network namespace in which it was made, so that an address can later be added from any thread.
Numbers are those of linux/rtnetlink.h, if_link.h and veth.h.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
import threading
from dataclasses import dataclass

_NEWLINK, _NEWADDR, _DELADDR, _NEWROUTE = 16, 20, 21, 24
_REQUEST, _ACK, _REPLACE, _EXCL, _CREATE = 0x1, 0x4, 0x100, 0x200, 0x400
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_TXQLEN, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 1, 3, 4, 13, 18, 28
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_DST, _RTA_OIF, _RTA_PREFSRC = 1, 4, 7
_UP, _NOARP = 0x1, 0x80
_TABLE_MAIN, _PROTOCOL_BOOT, _SCOPE_LINK, _UNICAST = 254, 3, 253, 1
_ERROR = 2
_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")


def _attribute(kind: int, payload: bytes) -> bytes:
    length = 4 + len(payload)
    return struct.pack("=HH", length, kind) + payload + bytes(-length % 4)


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("=I", value))


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode() + b"\0")


@dataclass(frozen=True)
class Cable:
    """A veth pair. Both ends carry ``hardware`` as their address and never ask by ARP.

    So a packet for an address that nobody has any more vanishes without an answer, as it does in a VPC; with ARP the
    router would tell the sender after three seconds that the host is unreachable.
    """

    near: str
    far: str
    hardware: bytes
    mtu: int = 1500


class Netlink:
    """A thread-safe rtnetlink socket in the namespace of the thread that made it. Close it when done."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        self._lock = threading.Lock()
        self._sequence = 0

    def close(self) -> None:
        """Give the socket back; it would keep the namespace alive."""
        self._socket.close()

    def lay(self, cable: Cable, far_namespace: int) -> None:
        """Make a cable whose far end lies in the namespace behind ``far_namespace``."""
        end = _attribute(_IFLA_ADDRESS, cable.hardware) + _number(_IFLA_MTU, cable.mtu)
        far = _LINK.pack(0, 0, 0, _NOARP, _NOARP) + _text(_IFLA_IFNAME, cable.far) + end
        far += _number(_IFLA_NET_NS_FD, far_namespace)
        veth = _text(_INFO_KIND, "veth") + _attribute(_INFO_DATA, _attribute(_VETH_PEER, far))
        near = _LINK.pack(0, 0, 0, _NOARP, _NOARP) + _text(_IFLA_IFNAME, cable.near) + end
        self._ask(_NEWLINK, _CREATE | _EXCL, near + _attribute(_IFLA_LINKINFO, veth))

    def raise_link(self, index: int, *, queue: int | None = None) -> None:
        """Set a link up; ``queue`` is the length of its transmit queue in packets."""
        body = _LINK.pack(0, 0, index, _UP, _UP)
        self._ask(_NEWLINK, 0, body if queue is None else body + _number(_IFLA_TXQLEN, queue))

    def add_address(self, index: int, address: str) -> None:
        """Give a link the address, as /32; harmless when it is there already."""
        self._ask(_NEWADDR, _CREATE | _REPLACE, self._address(index, address))

    def remove_address(self, index: int, address: str) -> None:
        """Take the address from a link; harmless when it is not there."""
        try:
            self._ask(_DELADDR, 0, self._address(index, address))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise

    def add_route(self, network: str, index: int, source: str | None = None) -> None:
        """Reach ``network`` through a link; ``source`` is the address that unbound sockets speak from."""
        target = ipaddress.IPv4Network(network)
        body = struct.pack(
            "=BBBBBBBBI", socket.AF_INET, target.prefixlen, 0, 0, _TABLE_MAIN, _PROTOCOL_BOOT, _SCOPE_LINK, _UNICAST, 0
        )
        body += _attribute(_RTA_DST, target.network_address.packed) + _number(_RTA_OIF, index)
        if source is not None:
            body += _attribute(_RTA_PREFSRC, socket.inet_aton(source))
        self._ask(_NEWROUTE, _CREATE | _EXCL, body)

    @staticmethod
    def _address(index: int, address: str) -> bytes:
        packed = socket.inet_aton(address)
        body = struct.pack("=BBBBI", socket.AF_INET, 32, 0, 0, index)
        return body + _attribute(_IFA_LOCAL, packed) + _attribute(_IFA_ADDRESS, packed)

    def _ask(self, kind: int, flags: int, body: bytes) -> None:
        with self._lock:
            self._sequence += 1
            length = _HEADER.size + len(body)
            header = _HEADER.pack(length, kind, _REQUEST | _ACK | flags, self._sequence, 0)
            self._socket.send(header + body)
            answer = self._socket.recv(65536)
        _, answered, _, _, _ = _HEADER.unpack_from(answer)
        (code,) = struct.unpack_from("=i", answer, _HEADER.size)
        if answered == _ERROR and code:
            raise OSError(-code, f"rtnetlink request {kind}: {os.strerror(-code)}")
