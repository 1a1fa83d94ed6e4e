"""One task of one service, from its settings to its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from harness.clock import Clock, seconds
from harness.errors import TwinFault
from harness.twin.app.accounts import Accounts
from harness.twin.app.cache import Cache, CacheDown
from harness.twin.app.database import Endpoint, Pool
from harness.twin.app.gateway import Gateway, application
from harness.twin.app.health import Health
from harness.twin.app.indexer import Indexer
from harness.twin.app.limits import Limits
from harness.twin.app.organizations import Organizations
from harness.twin.app.pace import Pace
from harness.twin.app.ponder import Ponder
from harness.twin.app.processor import Processor
from harness.twin.app.reads import Reads
from harness.twin.app.resolver import Resolver
from harness.twin.app.settings import Settings
from harness.twin.app.tokens import Tokens
from harness.twin.app.triggers import Triggers
from harness.twin.app.workers import Workers

_LOG = logging.getLogger("app")
SERVICES = ("api-gateway", "event-processor", "action-workers", "ponder-indexer")
_WRITERS = {"api-gateway": 16, "event-processor": 2, "action-workers": 2, "ponder-indexer": 1}
_READERS = 8
_FAREWELL_SECONDS = 0.6


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, which would end the process by the signal instead of cleanly."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Task:
    """A service with its stores."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock: Clock = settings.clock
        self._resolver = Resolver(self._clock, settings.resolver, settings.resolver_port)
        self._writer = self._pool(settings.writer, _WRITERS[settings.service])
        self._cache = self._make_cache()

    async def run(self) -> int:
        """Work until SIGTERM; the exit code: 0 after a signal, 1 when Redis is needed and not there or work broke."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        if not await self._cache_suffices():
            return 1
        work = asyncio.create_task(self._serve(stop) if self._settings.service == "api-gateway" else self._pipeline())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if self._settings.service != "api-gateway":
            work.cancel()
        await self._writer.close()
        await asyncio.wait({work}, timeout=_FAREWELL_SECONDS)
        failure = work.exception() if work.done() and not work.cancelled() else None
        if failure is not None:
            _LOG.error("ended by %r", failure, exc_info=failure)
        return 0 if stop.is_set() else 1

    async def _cache_suffices(self) -> bool:
        """As written, no service starts without Redis, although only the pipeline cannot work without it."""
        if not self._settings.cache_required_to_start:
            return True
        if self._cache is None:
            _LOG.error("cannot start: no Redis in %s", self._settings.region)
            return False
        try:
            await self._cache.call("PING")
        except CacheDown as error:
            _LOG.error("cannot start without Redis: %s", error)
            return False
        return True

    async def _pipeline(self) -> None:
        settings, clock = self._settings, self._clock
        if settings.service == "event-processor":
            await Processor(settings, clock, self._writer, self._cache).run()
        elif settings.service == "ponder-indexer":
            await Indexer(settings, clock, self._writer).run()
        elif self._cache is None:
            _LOG.warning("no queue in this region: nothing to do")
            await asyncio.Event().wait()
        else:
            await Workers(settings, clock, self._writer, self._cache).run()

    def application(self) -> ASGIApp:
        """The gateway's routes over this task's stores."""
        settings, clock, writer = self._settings, self._clock, self._writer
        reader = self._pool(settings.reader, _READERS, must_follow=settings.reader_must_follow)
        falls_back = settings.reads_fall_back
        gateway = Gateway(
            settings,
            clock,
            writer,
            reader,
            self._cache,
            Tokens(clock, settings.jwt_secret),
            Limits(clock, self._cache),
            Pace(clock, settings.requests_per_second),
            primary_reads=Reads(clock, writer, reader if falls_back else None),
            replica_reads=Reads(clock, reader, writer if falls_back else None),
        )
        parts = (Health(gateway), Accounts(gateway), Organizations(gateway), Triggers(gateway), Ponder(gateway))
        return application(gateway, [route for part in parts for route in part.routes()])

    async def _serve(self, stop: asyncio.Event) -> None:
        config = uvicorn.Config(
            self.application(),
            http="httptools",
            ws="none",
            loop="asyncio",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=3600,  # the load balancer ends idle connections, or a request could meet our goodbye
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        listener = socket.create_server((self._settings.address, self._settings.port), backlog=1024)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await serving

    def _pool(self, name: str, size: int, *, must_follow: bool = False) -> Pool:
        settings = self._settings
        limits = settings.database_timeout, settings.connection_age
        return Pool(self._clock, self._resolver, Endpoint(name, settings.database_port, *limits, must_follow), size)

    def _make_cache(self) -> Cache | None:
        settings = self._settings
        if settings.cache is None:
            return None
        return Cache(
            self._clock,
            self._resolver,
            settings.cache,
            settings.cache_port,
            seconds(settings.cache_timeout_seconds),
            reconnects=settings.reconnect_cache or settings.service != "action-workers",
        )


def run(settings: Settings) -> int:
    """Be the task until it ends; returns its exit code. Raises ``TwinFault`` for a service that does not exist."""
    if settings.service not in SERVICES:
        raise TwinFault(f"{settings.service} is no service; one of {', '.join(SERVICES)}")
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(name)s %(levelname)s %(message)s",
        stream=sys.stderr,
        force=True,
    )

    async def main() -> int:
        return await Task(settings).run()

    with asyncio.Runner() as runner:
        return runner.run(main())
