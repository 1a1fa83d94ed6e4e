"""DNS messages on the wire: questions in, answers out; EDNS client subnet read and echoed."""

from __future__ import annotations

import itertools
import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from harness.twin.api.route53.answers import Chain
from harness.twin.api.route53.records import dotted

SCOPE = 24
"""The prefix for which an answer to a client subnet holds: Route 53 tells subnets apart by their /24."""

_HEADER = struct.Struct("!HHHHHH")
_START_OF_AUTHORITY = "ns-2048.awsdns-64.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 {ttl}"
_HOST_KINDS = ("CNAME", "NS", "PTR")


@dataclass(frozen=True)
class Question:
    """A decoded query. ``name`` is in lower case without a final dot; ``subnet`` is EDNS's client address, if any.

    ``tail`` is the query's wire form without its id: what makes two questions equal.
    """

    tail: bytes
    name: str
    kind: str
    subnet: str | None


def parse(data: bytes) -> Question:
    """Decode a query; raises ``dns.exception.DNSException`` (or ``ValueError``) when it is not one question."""
    return _question(data[2:])


def format_error(data: bytes) -> bytes | None:
    """FORMERR for a message that is no question, from its header; ``None`` when there is not even that."""
    if len(data) < _HEADER.size:
        return None
    identifier, flags, *_ = _HEADER.unpack_from(data)
    if flags & dns.flags.QR:
        return None
    kept = flags & (0x7800 | dns.flags.RD)
    return _HEADER.pack(identifier, dns.flags.QR | kept | int(dns.rcode.FORMERR), 0, 0, 0, 0)


def server_failure(data: bytes, question: Question) -> bytes:
    """SERVFAIL with its question repeated: the C library ignores an answer to no question and would wait."""
    response = dns.message.make_response(_message(question.tail))
    response.set_rcode(dns.rcode.SERVFAIL)
    return data[:2] + response.to_wire()[2:]


class Writer:
    """Encodes answers. Addresses rotate from one answer to the next, as Route 53's and the VPC resolver's do."""

    def __init__(self, *, authoritative: bool) -> None:
        self._authoritative = authoritative
        self._turns: defaultdict[str, Iterator[int]] = defaultdict(itertools.count)

    def encode(self, data: bytes, question: Question, chain: Chain, zone: str) -> bytes:
        """The answer to the question in ``data``; ``zone`` owns the SOA of an answer that has no data."""
        choices = len(chain.links[-1].values) if chain.links else 1
        turn = next(self._turns[question.name]) % choices if choices > 1 else 0
        return data[:2] + _encoded(question, chain, zone, self._authoritative, turn)


# Remembered because the same few questions come thousands of times, and dnspython takes 0.5 ms for each.


@lru_cache(maxsize=2048)
def _question(tail: bytes) -> Question:
    message = _message(tail)
    if message.opcode() != dns.opcode.QUERY or len(message.question) != 1 or message.flags & dns.flags.QR:
        raise ValueError("not a query with one question")
    asked = message.question[0]
    subnet = next((option.address for option in message.options if isinstance(option, dns.edns.ECSOption)), None)
    name = asked.name.to_text(omit_final_dot=True).lower()
    return Question(tail, name, dns.rdatatype.to_text(asked.rdtype), subnet)


@lru_cache(maxsize=2048)
def _encoded(question: Question, chain: Chain, zone: str, authoritative: bool, turn: int) -> bytes:
    """The answer's wire form without its id."""
    query = _message(question.tail)
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA if authoritative else dns.flags.RA
    response.set_rcode(dns.rcode.NXDOMAIN if chain.rcode == "NXDOMAIN" else dns.rcode.NOERROR)
    for link in chain.links:
        response.answer.append(_rrset(link.owner, link.kind, link.ttl, link.values[turn:] + link.values[:turn]))
    if not chain.links or (chain.links[-1].kind == "CNAME" and question.kind != "CNAME"):
        authority = _START_OF_AUTHORITY.format(ttl=chain.negative_ttl)
        response.authority.append(_rrset(zone, "SOA", chain.negative_ttl, (authority,)))
    if question.subnet is not None and authoritative:
        options: list[dns.edns.Option] = [
            _echo(option) for option in query.options if isinstance(option, dns.edns.ECSOption)
        ]
        response.use_edns(0, options=options)
    return response.to_wire(want_shuffle=False)[2:]


def _message(tail: bytes) -> dns.message.Message:
    return dns.message.from_wire(b"\0\0" + tail)


def _echo(option: dns.edns.ECSOption) -> dns.edns.ECSOption:
    return dns.edns.ECSOption(option.address, option.srclen, min(SCOPE, option.srclen))


def _rrset(owner: str, kind: str, ttl: int, values: tuple[str, ...]) -> dns.rrset.RRset:
    rdatas = [_rdata(kind, value) for value in values]
    return dns.rrset.from_rdata_list(dns.name.from_text(owner), ttl, rdatas)


def _rdata(kind: str, value: str) -> dns.rdata.Rdata:
    text = dotted(value.rstrip(".")) if kind in _HOST_KINDS else value
    return dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(kind), text)
