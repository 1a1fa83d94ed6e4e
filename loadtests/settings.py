"""What one location's clients are told, as one line: the harness says it, the Locust process hears it."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.clock import Anchor, Clock, seconds
from harness.errors import BadInput
from harness.requests import OPERATIONS

ORDERED = "GAMEDAY_LOAD"
"""The environment variable of a process that waits for its order on standard input: see :func:`ordered`."""

_OPTIONS = ("--headless", "--users", "1", "--only-summary", "--exit-code-on-error", "0")

POLICIES = ("honour", "ignore", "close")
MIX: Mapping[str, int] = {"create_trigger": 2, "list_triggers": 1, "ponder_events": 2, "api_key_stats": 1}
REAL_RATE_LIMIT = 500
"""Requests per real second and location; above, the machine itself would be what is measured."""
SHORTEST_DEADLINE = 0.5
"""Real seconds: no speed makes a kernel's retransmission or a loaded machine faster."""


@dataclass(frozen=True)
class LoadSettings:
    """One location's traffic. Spans are AWS seconds, rates are per AWS second; ``speed`` turns both into real ones."""

    host: str
    """Where the service is, as a URL."""
    location: str
    location_index: int
    record: str
    """The file of requests to be written; it must not exist."""
    ready: str = ""
    """The file to create when the first request is about to leave; empty: none."""
    speed: float = 1.0
    anchor_monotonic_nanoseconds: int = 0
    anchor_epoch_nanoseconds: int = 0
    start_monotonic_nanoseconds: int = 0
    """The instant that all locations' arrivals are counted from."""
    rate_per_second: float = 5.0
    mix: Mapping[str, int] = field(default_factory=lambda: dict(MIX))
    """Weights of the operations, taken in turn."""
    deadline_seconds: float = 5.0
    connection_age_seconds: float = 20.0
    """A connection that is older is not used again."""
    ttl_policy: str = "honour"
    """``honour``: a name's answer is kept for its TTL, and an idle connection is dropped when the answer changed.
    ``ignore``: the first answer is kept for ever. ``close``: as ``honour``, with a new connection for each request."""
    nameserver: str = ""
    """``ip:port`` of the location's resolver; empty: the one in ``/etc/resolv.conf``. With ``subnet``: the servers of
    the API's zone, parted by commas."""
    subnet: str = ""
    """The network of clients that names are looked up for, e.g. ``203.0.113.0/24``; empty: this machine's own."""
    in_flight: int = 400
    """Requests that may be under way at once; arrivals beyond are recorded as dropped."""
    setup_seconds: float = 15.0
    """Patience for signing up before the traffic begins."""

    @property
    def clock(self) -> Clock:
        """The run's clock."""
        return Clock(self.speed, Anchor(self.anchor_monotonic_nanoseconds, self.anchor_epoch_nanoseconds))

    @property
    def real_deadline(self) -> float:
        """The deadline of a request in real seconds, never below :data:`SHORTEST_DEADLINE`."""
        return max(self.clock.real_seconds(seconds(self.deadline_seconds)), SHORTEST_DEADLINE)

    @property
    def real_connection_age(self) -> float:
        """The age at which a connection is given up, in real seconds."""
        return self.clock.real_seconds(seconds(self.connection_age_seconds))

    @property
    def real_rate(self) -> float:
        """Arrivals per real second."""
        return self.rate_per_second * self.speed

    def save(self, path: Path) -> None:
        """Write the settings as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def locust(root: Path) -> tuple[str, ...]:
    """What Python is told to become one place's generator, in the project at ``root``."""
    return ("-m", "locust", "-f", str(root / "loadtests" / "locustfile.py"), *_OPTIONS)


def environment() -> dict[str, str]:
    """What it is started with: it waits for an order, and what was compiled before is used."""
    own = {**os.environ, ORDERED: "1", "OPENBLAS_NUM_THREADS": "1"}
    own.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling Locust anew takes a second of every start
    return own


def order(settings: LoadSettings, monitoring_token: str) -> str:
    """The settings and the value of ``X-Monitoring-Token``, which no file ever holds, as one line of JSON."""
    return json.dumps({"settings": asdict(settings), "monitoring_token": monitoring_token})


def ordered(line: bytes | str) -> tuple[LoadSettings, str]:
    """What :func:`order` says: the order itself, since no file of the harness's machine need be here.

    Raises ``BadInput``.
    """
    where = "standard input"
    try:
        told = json.loads(line)
        values, token = told["settings"], told["monitoring_token"]
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(where, "order", f"not an order: {error!r}") from error
    if not isinstance(values, dict) or not isinstance(token, str):
        raise BadInput(where, "order", "must be a table of settings and a text")
    return checked(values, where), token


def checked(values: Mapping[str, Any], where: str) -> LoadSettings:
    """The settings in plain values. Raises ``BadInput`` that names ``where`` and the field."""
    known = {f.name for f in fields(LoadSettings)}
    for name in values:
        if name not in known:
            raise BadInput(where, name, f"unknown; one of {', '.join(sorted(known))}")
    for name in ("host", "location", "location_index", "record"):
        if name not in values:
            raise BadInput(where, name, "is missing")
    settings = LoadSettings(**values)
    _check_numbers(settings, where)
    _check_words(settings, where)
    return settings


def _check_numbers(settings: LoadSettings, where: str) -> None:
    for name in ("speed", "rate_per_second", "deadline_seconds", "connection_age_seconds", "in_flight"):
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise BadInput(where, name, f"must be a number above 0, not {value!r}")
    if settings.real_rate > REAL_RATE_LIMIT:
        problem = f"{settings.real_rate:g} requests per real second are more than {REAL_RATE_LIMIT}"
        raise BadInput(where, "rate_per_second", problem, "Lower the rate or the speed.")
    if not isinstance(settings.location_index, int) or not 0 <= settings.location_index <= 255:
        raise BadInput(where, "location_index", f"must be 0 to 255, not {settings.location_index!r}")


def _check_words(settings: LoadSettings, where: str) -> None:
    for name in ("host", "location", "record", "ready", "nameserver", "subnet"):
        if not isinstance(getattr(settings, name), str):
            raise BadInput(where, name, f"must be text, not {getattr(settings, name)!r}")
    url = urlsplit(settings.host)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise BadInput(where, "host", f"must be a URL such as http://api.example.com, not {settings.host!r}")
    if settings.ttl_policy not in POLICIES:
        raise BadInput(where, "ttl_policy", f"must be one of {', '.join(POLICIES)}, not {settings.ttl_policy!r}")
    for one in settings.nameserver.split(",") if settings.nameserver else ():
        address, _, port = one.rpartition(":")
        if not (address and port.isdigit()):
            raise BadInput(where, "nameserver", f"must be ip:port, not {one!r}")
    if settings.subnet:
        _check_subnet(settings, where)
    _check_mix(settings.mix, where)


def _check_subnet(settings: LoadSettings, where: str) -> None:
    try:
        ipaddress.IPv4Network(settings.subnet)
    except ValueError as error:
        raise BadInput(where, "subnet", f"must be a network such as 203.0.113.0/24: {error}") from error
    if not settings.nameserver:
        raise BadInput(where, "nameserver", "is missing: a resolver of this place would tell its own subnet, not that")


def _check_mix(mix: object, where: str) -> None:
    if not isinstance(mix, Mapping):
        raise BadInput(where, "mix", f"must be a table of weights, not {mix!r}")
    for name, weight in mix.items():
        if name not in OPERATIONS:
            raise BadInput(where, f"mix.{name}", f"unknown; one of {', '.join(OPERATIONS)}")
        if isinstance(weight, bool) or not isinstance(weight, int) or weight < 0:
            raise BadInput(where, f"mix.{name}", f"must be a whole number, not {weight!r}")
    if not any(mix.values()):
        raise BadInput(where, "mix", "has no operation with a weight above 0")
