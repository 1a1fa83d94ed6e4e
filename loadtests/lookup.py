"""How a name is looked up: by the resolver of the place, or as a client of a network that this machine is not in.

From one machine, load can be routed as that of several geographies: the name servers of the API's zone are told each
location's subnet (EDNS client subnet, RFC 7871). What they leave to another zone, as a CNAME to a load balancer does,
this machine's resolver follows. Where clients are led is that place's own then; how long they wait is not.
Source: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy-edns0.html
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dns.edns
import dns.exception
import dns.message
import dns.query
import dns.rdatatype
import dns.resolver

Found = tuple[tuple[str, ...], int]
"""Addresses, and the least TTL on the way to them in AWS seconds."""
Look = Callable[[str], Found]
"""Looks a full name up; raises ``dns.exception.DNSException`` or ``OSError``."""


def servers(text: str) -> list[tuple[str, int]]:
    """The addresses and ports in ``ip:port,ip:port``."""
    parted = [one.rpartition(":") for one in text.split(",") if one]
    return [(address, int(port)) for address, _, port in parted]


def by_resolver(nameserver: str, limit: float) -> Look:
    """A look by the first server of ``nameserver``, or by those of this machine; ``limit`` in real seconds."""
    resolver = dns.resolver.Resolver(configure=not nameserver)
    if nameserver:
        ((address, port), *_) = servers(nameserver)
        resolver.nameservers, resolver.port = [address], port
    resolver.lifetime = resolver.timeout = limit

    def look(host: str) -> Found:
        answer = resolver.resolve(host, "A")
        return tuple(sorted(record.address for record in answer)), answer.chaining_result.minimum_ttl

    return look


@dataclass(frozen=True)
class AsThere:
    """A look as a client of ``subnet``: ``authorities`` answer for the zone, ``resolver`` for what lies beyond it.

    ``limit``: real seconds for all of the zone's servers together; one that is silent leaves time for another.
    """

    authorities: Sequence[tuple[str, int]]
    subnet: str
    limit: float
    resolver: Look

    def __call__(self, host: str) -> Found:
        """The answer of the first of the zone's servers that gives one, followed to its end."""
        found = self._ask(host).resolve_chaining()
        lives = [link.ttl for link in found.cnames]
        if found.answer is not None:
            addresses = tuple(sorted(record.address for record in found.answer))
            return addresses, min([found.answer.ttl, *lives])
        if not found.cnames:
            raise OSError(errno.ENODATA, "the zone has no address for it")
        addresses, life = self.resolver(str(found.canonical_name))
        return addresses, min([life, *lives])

    def _ask(self, host: str) -> dns.message.QueryMessage:
        address, _, width = self.subnet.partition("/")
        option = dns.edns.ECSOption(address, int(width))
        query = dns.message.make_query(host, dns.rdatatype.A, use_edns=0, options=[option])
        patience = self.limit / min(2, len(self.authorities))
        silent: Exception = OSError(errno.EDESTADDRREQ, "no name server is known for it")
        for server, port in self.authorities[:2]:
            try:
                answer = dns.query.udp(query, server, timeout=patience, port=port)
            except (dns.exception.DNSException, OSError) as error:
                silent = error
                continue
            assert isinstance(answer, dns.message.QueryMessage)
            return answer
        raise silent
