"""What the authoritative name servers answer, asked as if from a client location (EDNS client subnet, RFC 7871)."""

from __future__ import annotations

from dataclasses import dataclass

import dns.edns
import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from harness.errors import CloudFault

_LIMIT_SECONDS = 1.0


@dataclass(frozen=True)
class NameServer:
    """Where to ask: an address and a port."""

    address: str
    port: int = 53


@dataclass(frozen=True)
class Answer:
    """Addresses, the names on the way to them, and the shortest TTL, in AWS seconds."""

    addresses: tuple[str, ...]
    chain: tuple[str, ...]
    ttl_seconds: int


def ask(server: NameServer, name: str, subnet: str | None = None) -> Answer:
    """The A answer for ``name`` as clients in ``subnet`` get it; no addresses when the name has none.

    Raises ``CloudFault`` when no answer came within a second.
    """
    options: list[dns.edns.Option] = []
    if subnet:
        address, _, width = subnet.partition("/")
        options.append(dns.edns.ECSOption(address, int(width)))
    query = dns.message.make_query(name, dns.rdatatype.A, use_edns=0, options=options)
    try:
        answer = dns.query.udp(query, server.address, timeout=_LIMIT_SECONDS, port=server.port)
    except (dns.exception.DNSException, OSError) as error:
        raise CloudFault(f"DNS query for {name}", "Unreachable", str(error)) from error
    addresses, chain, ttl = [], [], 86_400
    for rrset in answer.answer:
        ttl = min(ttl, rrset.ttl)
        for item in rrset:
            if item.rdtype == dns.rdatatype.A:
                addresses.append(item.to_text())
            else:
                chain.append(item.to_text().rstrip("."))
    return Answer(tuple(sorted(addresses)), tuple(chain), ttl if answer.answer else 0)
