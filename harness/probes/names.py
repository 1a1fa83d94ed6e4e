"""What the authoritative name servers answer, asked as if from a client location (EDNS client subnet, RFC 7871).

Route 53's own name servers heed a client's subnet; most resolvers put their own in its place or none at all. So the
servers of the API's zone are asked themselves, and a resolver only for what they leave to another zone.
Source: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy-edns0.html
"""

from __future__ import annotations

from dataclasses import dataclass

import dns.edns
import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from harness.errors import CloudFault, Refused

_LIMIT_SECONDS = 1.0


@dataclass(frozen=True)
class NameServer:
    """Where to ask: an address and a port."""

    address: str
    port: int = 53
    authorities: tuple[NameServer, ...] = ()
    """The servers of the API's zone, where this one is a resolver; they are asked whatever is asked with a subnet."""

    @classmethod
    def of(cls, text: str) -> NameServer:
        """The server of an ``ip:port``."""
        address, _, port = text.rpartition(":")
        return cls(address, int(port))

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Answer:
    """Addresses, the names on the way to them, and the shortest TTL, in AWS seconds."""

    addresses: tuple[str, ...]
    chain: tuple[str, ...]
    ttl_seconds: int


def ask(server: NameServer, name: str, subnet: str | None = None) -> Answer:
    """The A answer for ``name`` as clients in ``subnet`` get it; no addresses when the name has none.

    Raises ``CloudFault`` when no answer came within a second, from none of the zone's servers where those are asked.
    """
    if not (subnet and server.authorities):
        return _ask(server, name, subnet)
    answer = _first(server.authorities, name, subnet)
    if answer.addresses or not answer.chain:
        return answer
    rest = _ask(server, answer.chain[-1], None)
    return Answer(rest.addresses, answer.chain + rest.chain, min(answer.ttl_seconds, rest.ttl_seconds))


def authorities(host: str) -> tuple[NameServer, ...]:
    """The name servers of the zone that ``host`` is in, as this machine's resolver finds them. Raises ``Refused``."""
    try:
        zone = dns.resolver.zone_for_name(host)
        names = [record.target for record in dns.resolver.resolve(zone, "NS")]
        found = [record.address for name in names for record in dns.resolver.resolve(name, "A")]
    except (dns.exception.DNSException, OSError) as error:
        raise Refused(
            f"the name servers of {host} cannot be found: {error}.",
            "Is its zone delegated? Else name one as `nameserver` of each location.",
        ) from error
    return tuple(map(NameServer, found))


def _first(servers: tuple[NameServer, ...], name: str, subnet: str) -> Answer:
    """The answer of the first server that gives one; one of four that is silent must not look like an outage."""
    for server in servers[:-1]:
        try:
            return _ask(server, name, subnet)
        except CloudFault:
            continue
    return _ask(servers[-1], name, subnet)


def _ask(server: NameServer, name: str, subnet: str | None) -> Answer:
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
