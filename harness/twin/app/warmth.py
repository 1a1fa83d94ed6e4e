"""What every task will do, done once before the fork: code that has run is shared by all, and their first request is
as fast as their second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import MutableMapping
from typing import Any

import dns.message
import dns.rrset

from harness.clock import Anchor
from harness.twin.app.cache import Cache, CacheDown
from harness.twin.app.resolver import NameFault, Resolver
from harness.twin.app.service import Task
from harness.twin.app.settings import Settings

_ROUNDS = 8  # CPython specialises code that ran a few times
_NOWHERE = "127.0.0.1"
_DEAD_PORT = 1
_PATHS = (
    ("GET", "/api/v1/health"),
    ("POST", "/api/v1/auth/login"),
    ("GET", "/api/v1/auth/me"),
    ("POST", "/api/v1/triggers"),
    ("GET", "/api/v1/ponder/events"),
)
_BODY = b'{"username_or_email":"nobody","password":"nothing"}'


def warm() -> None:
    """Resolve, connect and answer, all in vain, since nothing is there. Takes some 30 ms."""
    logger = logging.getLogger("app")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        asyncio.run(_rehearse())
    finally:
        logger.setLevel(before)


async def _rehearse() -> None:
    settings = _settings()
    clock = settings.clock
    task = Task(settings)
    application = task.application()
    resolver = Resolver(clock, _NOWHERE, _DEAD_PORT)
    for _ in range(_ROUNDS):
        try:
            await resolver.lookup("nowhere.example")
        except NameFault:
            dns.message.from_wire(_answer())
        try:
            await Cache(clock, resolver, _NOWHERE, _DEAD_PORT, settings.database_timeout).call("PING")
        except CacheDown:
            logging.getLogger("app.warmth").debug("as expected")
        for method, path in _PATHS:
            await application(_scope(method, path), _receive, _send)


def _settings() -> Settings:
    return Settings(
        service="api-gateway",
        region="us-east-1",
        task="warmth",
        address=_NOWHERE,
        port=_DEAD_PORT,
        resolver=_NOWHERE,
        writer=_NOWHERE,
        reader=_NOWHERE,
        cache=None,
        jwt_secret="none",
        health="select_1",
        cache_required_to_start=False,
        queue_before_mark=True,
        acknowledge_after_run=True,
        reconnect_cache=True,
        reads_fall_back=False,
        reader_must_follow=False,
        database_timeout_seconds=1,
        connection_age_seconds=None,
        indexer="never",
        preferred=False,
        speed=1.0,
        anchor_monotonic_nanoseconds=Anchor.now().monotonic_nanoseconds,
        anchor_epoch_nanoseconds=Anchor.now().epoch_nanoseconds,
        resolver_port=_DEAD_PORT,
        database_port=_DEAD_PORT,
        cache_port=_DEAD_PORT,
    )


def _answer() -> bytes:
    answer = dns.message.make_response(dns.message.make_query("nowhere.example", "A"))
    answer.answer.append(dns.rrset.from_text("nowhere.example.", 5, "IN", "CNAME", "node.example."))
    answer.answer.append(dns.rrset.from_text("node.example.", 5, "IN", "A", _NOWHERE))
    return answer.to_wire()


def _scope(method: str, path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"host", b"api"), (b"x-monitoring-token", b"warmth")],
        "client": (_NOWHERE, _DEAD_PORT),
        "server": (_NOWHERE, _DEAD_PORT),
    }


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": _BODY, "more_body": False}


async def _send(message: MutableMapping[str, Any]) -> None:
    assert message["type"].startswith("http.response")
