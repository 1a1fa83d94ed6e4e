"""The twin's network: a namespace for each subnet behind its region's router, one for each location, and the WAN."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from harness.clock import Clock, Duration
from harness.errors import HarnessFault, TwinFault
from harness.twin.designs.model import Design
from harness.twin.network import acl, groups
from harness.twin.network.acl import AclRule, Ruleset
from harness.twin.network.groups import GroupRule
from harness.twin.network.hub import Hub
from harness.twin.network.layout import BACKPLANES, EVERYWHERE, Place, links, places
from harness.twin.network.namespaces import Manners, Namespace, apart
from harness.twin.network.netlink import Cable
from harness.twin.network.processes import Processes
from harness.twin.network.wan import Wan, has_tun, open_tun

__all__ = ["AclRule", "GroupRule", "Network"]

_WAN_QUEUE = 5000


class Network:
    """Places and what connects them; thread-safe once :meth:`up` has returned.

    Names of places: subnets ``us-east-1a-app``, region routers ``us-east-1`` (where the VPC resolver's address is),
    client locations ``america``. Each has a name under ``state/netns`` that ``setns`` and ``nsenter --net=`` take, and
    a resolv.conf under ``state/resolv``. Needs root (CAP_SYS_ADMIN, CAP_NET_ADMIN, also those of a user namespace), nft
    and setpriv; /dev/net/tun where it is open, which ``tun`` overrides.
    """

    wan: Wan

    def __init__(self, clock: Clock, design: Design, state: Path, *, tun: bool | None = None) -> None:
        self._frames = not (has_tun() if tun is None else tun)
        self._clock = clock
        self._design = design
        self._state = state
        self._places = {place.name: place for place in places(design)}
        self._namespaces: dict[str, Namespace] = {}
        self._rulesets: dict[str, Ruleset] = {}
        self._links: dict[str, int] = {}
        self._dark: dict[str, set[str]] = {plan.name: set() for plan in design.regions}
        self._parted: dict[str, set[frozenset[str]]] = {plan.name: set() for plan in design.regions}
        self._dark_lock = threading.Lock()
        self._undo = ExitStack()
        for folder in ("netns", "resolv", "logs"):
            (state / folder).mkdir(parents=True, exist_ok=True)
        self._processes = Processes(state / "logs", state / "resolv")

    def up(self) -> None:
        """Build everything; raises ``TwinFault`` (and leaves nothing behind) when the kernel or nft refuses."""
        try:
            apart(self._build)
        except OSError as error:
            self.down()
            raise TwinFault(
                f"The network cannot be built: {error}.", "Run as root, or where user namespaces are allowed."
            ) from error
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Kill every process that was spawned here and still runs, and take the network away; twice is harmless."""
        self._undo.close()

    def inside(self, place: str) -> AbstractContextManager[None]:
        """This *thread* is in the place's network namespace meanwhile; sockets made here stay there."""
        return self._namespace(place).inside()

    def path(self, place: str) -> Path:
        """A file that is the place's network namespace, for processes that enter by themselves (a fork zygote)."""
        return self._namespace(place).path

    def resolver_file(self, place: str) -> Path:
        """The resolv.conf that leads to the place's resolver, for binding over /etc/resolv.conf."""
        return self._state / "resolv" / self._place(place).name

    def spawn(
        self,
        name: str,
        place: str,
        command: Sequence[str],
        *,
        user: str | None = None,
        environment: Mapping[str, str] | None = None,
        resolver: bool = False,
        stdin: int | None = None,
        stdout: int | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a process born inside ``place``, in a session of its own.

        Errors (and output, unless ``stdout`` is given) go to ``state/logs/<name>.log``. ``environment`` is added to our
        own. ``resolver``: the process sees an /etc/resolv.conf that leads to its place's resolver. Raises ``OSError``
        as ``Popen`` does.
        """
        return self._processes.spawn(
            name,
            self._namespace(place),
            command,
            user=user,
            environment=environment,
            resolver=resolver,
            stdin=stdin,
            stdout=stdout,
        )

    def connect(self, place: str, address: tuple[str, int], timeout: Duration) -> socket.socket:
        """A TCP connection from ``place``, without Nagle's delay; its time-out stays set to ``timeout``.

        Raises ``OSError`` (``TimeoutError`` when nobody answers in time).
        """
        with self.inside(place):
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(self._clock.real_seconds(timeout))
            connection.connect(address)
        except BaseException:
            connection.close()
            raise
        return connection

    def listen_udp(self, place: str, address: tuple[str, int]) -> socket.socket:
        """A bound, blocking UDP socket in ``place``."""
        with self.inside(place):
            listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            listener.bind(address)
        except BaseException:
            listener.close()
            raise
        return listener

    def listen_tcp(self, place: str, address: tuple[str, int], backlog: int = 1024) -> socket.socket:
        """A listening TCP socket in ``place``."""
        with self.inside(place):
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(backlog)
        except BaseException:
            listener.close()
            raise
        return listener

    def address(self, place: str, ip: str) -> None:
        """Add an address to the place; harmless when it is there. It must be of the place's own networks."""
        namespace = self._namespace(place)
        if not namespace.place.owns(ip):
            raise HarnessFault(f"{ip} does not belong to {place} ({', '.join(namespace.place.prefixes)}.x).")
        namespace.netlink.add_address(self._links[place], ip)

    def remove_address(self, place: str, ip: str) -> None:
        """Take an address away, as when a task or node ends: packets for it then vanish. Harmless when absent."""
        self._namespace(place).netlink.remove_address(self._links[place], ip)

    def apply_acl(self, place: str, ingress: Sequence[AclRule], egress: Sequence[AclRule]) -> None:
        """Give one subnet this network ACL in place of the one before, at once; what no rule allows is dropped.

        Before the first call everything passes. Raises ``TwinFault`` when nft refuses (nothing has changed then).
        """
        subnet = self._subnet(place)
        self._rulesets[subnet.node].load(acl.replacement(subnet, ingress, egress))

    def apply_group(self, place: str, ingress: Sequence[GroupRule], egress: Sequence[GroupRule]) -> None:
        """Give everything in one subnet this security group in place of the one before, at once.

        What no rule allows and no remembered flow belongs to is dropped. Before the first call everything passes.
        Raises ``TwinFault`` when nft refuses (nothing has changed then).
        """
        subnet = self._subnet(place)
        self._rulesets[subnet.node].load(groups.replacement(subnet, ingress, egress))

    def lose_zone(self, region: str, zone: str) -> None:
        """Drop everything to, from and between the zone's subnets and on its backplane."""
        self._darken(region, zone, dark=True)

    def restore_zone(self, region: str, zone: str) -> None:
        """Let the zone's traffic pass again; network ACLs stay as they are."""
        self._darken(region, zone, dark=False)

    def is_lost(self, region: str, zone: str) -> bool:
        """Whether the zone is lost now."""
        with self._dark_lock:
            return not self._dark[region].isdisjoint(self._cables(region, zone))

    def part_zones(self, region: str, a: str, b: str) -> None:
        """Drop everything between two zones of a region, on their backplane too; each goes on by itself."""
        self._part(region, a, b, parted=True)

    def rejoin_zones(self, region: str, a: str, b: str) -> None:
        """Take that back; a lost zone stays lost."""
        self._part(region, a, b, parted=False)

    def _part(self, region: str, a: str, b: str, *, parted: bool) -> None:
        pairs = {frozenset({one, other}) for one in self._cables(region, a) for other in self._cables(region, b)}
        with self._dark_lock:
            wanted = self._parted[region] | pairs if parted else self._parted[region] - pairs
            self._rulesets[region].load(acl.partition(wanted))
            self._parted[region] = wanted

    def _cables(self, region: str, zone: str) -> set[str]:
        cables = {each.cable for each in self._places.values() if each.node == region and zone and each.zone == zone}
        if not cables:
            raise TwinFault(f"{region}{zone} is no zone of this design.")
        return cables

    def _darken(self, region: str, zone: str, *, dark: bool) -> None:
        cables = self._cables(region, zone)
        with self._dark_lock:
            wanted = self._dark[region] | cables if dark else self._dark[region] - cables
            self._rulesets[region].load(acl.darkness(sorted(wanted)))
            self._dark[region] = wanted

    def _place(self, name: str) -> Place:
        if name not in self._places:
            raise TwinFault(f"{name} is no place of this design.", f"One of {', '.join(self._places)}.")
        return self._places[name]

    def _subnet(self, name: str) -> Place:
        subnet = self._place(name)
        if subnet.kind != "subnet":
            raise HarnessFault(f"{name} is no subnet; only subnets have network ACLs and security groups.")
        return subnet

    def _namespace(self, place: str) -> Namespace:
        name = self._place(place).name
        if name not in self._namespaces:
            raise TwinFault("The network is not up.", "Call Network.up() first.")
        return self._namespaces[name]

    def _build(self) -> None:
        nodes = [place for place in self._places.values() if place.kind != "subnet"]
        pairs = [(place.name, place.octet) for place in nodes]
        self.wan = Wan(self._clock, pairs, links(self._design), self._state / "wan.matrix")
        self._undo.callback(self.wan.stop)
        for place in self._places.values():
            self._make(place)
        with ExitStack() as tuns:
            hub = Hub(Manners(self._clock.speed)) if self._frames else None
            if hub is not None:
                self._undo.callback(hub.close)
            descriptors = []
            for place in nodes:
                descriptors.append(self._open_wan(place, hub))
                tuns.callback(os.close, descriptors[-1])
            for place in self._places.values():
                if place.kind == "subnet":
                    self._join_router(place)
            self.wan.start(descriptors, self._state / "logs" / "wan.log", frames=self._frames)
        self._undo.callback(self._processes.end)
        self._lay_rules()
        self.wan.await_router()

    def _make(self, place: Place) -> None:
        namespace = Namespace.make(place, self._state / "netns", Manners(self._clock.speed))
        self._namespaces[place.name] = namespace
        self._undo.callback(self._forget, place.name)
        self.resolver_file(place.name).write_text(
            f"nameserver {place.resolver}\noptions timeout:1 attempts:2\n", encoding="ascii"
        )

    def _forget(self, name: str) -> None:
        self._namespaces.pop(name).close()

    def _open_wan(self, place: Place, hub: Hub | None) -> int:
        """The WAN's device of a router or location, with address and route; returns its descriptor."""
        namespace = self._namespaces[place.name]
        descriptor = hub.open(place, namespace, _WAN_QUEUE) if hub is not None else -1
        with namespace.inside():
            if hub is None:
                descriptor = open_tun(place.link)
            index = self._links[place.name] = socket.if_nametoindex(place.link)
        namespace.netlink.raise_link(index, queue=_WAN_QUEUE)
        for address in dict.fromkeys((place.base, place.resolver)):
            namespace.netlink.add_address(index, address)
        namespace.netlink.add_route(EVERYWHERE, index, place.base)
        return descriptor

    def _join_router(self, place: Place) -> None:
        """The cable between a subnet and its region's router, with addresses and routes at both ends."""
        subnet, router = self._namespaces[place.name], self._namespaces[place.node]
        hardware = bytes([2, 0, *(int(part) for part in place.prefixes[0].split(".")), 0])
        router.netlink.lay(Cable(place.cable, place.link, hardware), subnet.descriptor)
        with router.inside():
            near = socket.if_nametoindex(place.cable)
        with subnet.inside():
            far = self._links[place.name] = socket.if_nametoindex(place.link)
        router.netlink.raise_link(near)
        subnet.netlink.raise_link(far)
        router.netlink.add_address(near, f"{place.prefixes[0]}.1")
        for prefix in place.prefixes:
            router.netlink.add_route(f"{prefix}.0/24", near)
            subnet.netlink.add_address(far, f"{prefix}.4")
        subnet.netlink.add_route(EVERYWHERE, far, place.base)
        if place.backplane is not None:
            for plan in self._design.regions:
                subnet.netlink.add_route(BACKPLANES.format(octet=plan.octet), far, place.backplane)

    def _lay_rules(self) -> None:
        octets = [plan.octet for plan in self._design.regions]
        for plan in self._design.regions:
            cables = [place.cable for place in self._places.values() if place.cable and place.node == plan.name]
            self._rulesets[plan.name] = Ruleset(self._namespaces[plan.name])
            self._rulesets[plan.name].load(acl.foundation(octets, cables) + groups.foundation(octets, cables))
