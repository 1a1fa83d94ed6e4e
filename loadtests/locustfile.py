"""One location's traffic as a Locust process.

Started by the harness with ``GAMEDAY_LOAD`` set, it waits for its order on standard input; or by hand::

    locust -f loadtests/locustfile.py --host http://localhost:8080 --rate 20

or by Locust's own master and workers, one user each: the locations that the master names are dealt out to the workers,
and those of one location share its arrivals, each every so many-th (see ``docs/load-elsewhere.md``).

One user is the location's clock (see ``arrivals.py``); more would only be more clocks. The record of requests is what
counts; Locust's own figures are fed from it, from the time each request was due, in real milliseconds.
"""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
from gevent.fileobject import FileObjectPosix
from locust import User, constant, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

from harness.clock import Anchor, seconds, wall_stamp
from harness.errors import BadInput, GamedayError
from harness.requests import Outcome, RequestWriter
from loadtests.arrivals import Arrivals, phase, turns
from loadtests.routing import Client, Reply, names
from loadtests.settings import ORDERED, POLICIES, LoadSettings, checked, ordered
from loadtests.users import Customer, Judged

TOKEN = "GAMEDAY_MONITORING_TOKEN"
"""The environment variable with the value of ``X-Monitoring-Token`` for a run by hand."""
_log = logging.getLogger("gameday.load")
_SHORTEST_SETUP = 5.0


def _options(parser: LocustArgumentParser) -> None:
    group = parser.add_argument_group("game day", f"Ignored when {ORDERED} is set.")
    group.add_argument("--location", default="here", help="Name of this place, for the record; A,B,C: of the workers'")
    group.add_argument("--rate", type=float, default=5.0, help="Arrivals per second and location")
    group.add_argument("--deadline", type=float, default=5.0, help="Seconds a request may take")
    group.add_argument("--connection-age", type=float, default=20.0, help="Seconds a connection is used for")
    group.add_argument("--ttl-policy", choices=POLICIES, default="honour", help="What the client does with DNS answers")
    group.add_argument("--nameserver", default="", help="ip:port of the resolver; default: /etc/resolv.conf")
    group.add_argument("--subnet", default="", help="Network whose clients the name server is told to answer")
    group.add_argument("--record", default="", help="File of requests to write")


_command_line: Any = events.init_command_line_parser  # Locust leaves its hooks untyped
_command_line.add_listener(_options)


def _workers(environment: Environment) -> int:
    options: Any = environment.parsed_options
    return int(options.expect_workers)


def _one_each(environment: Environment, **_: Any) -> None:
    """A master has as many users as workers: Locust deals them out evenly."""
    if isinstance(environment.runner, MasterRunner):
        Visitors.fixed_count = _workers(environment)


_ready: Any = events.init
_ready.add_listener(_one_each)


@dataclass(frozen=True)
class Seat:
    """One worker of several: its number, and how many there are."""

    number: int = 0
    of: int = 1

    @classmethod
    def taken(cls, environment: Environment) -> Seat:
        """That of this process."""
        runner = environment.runner
        if not isinstance(runner, WorkerRunner):
            return ALONE
        return cls(runner.worker_index, _workers(environment))


ALONE = Seat()


def by_hand(options: Any, host: str, seat: Seat = ALONE) -> LoadSettings:
    """The settings of a plain ``locust`` command line; the clock is real time. Raises ``BadInput``.

    A location's arrivals are counted from the epoch, so that workers whose machines know the date send in turn.
    """
    anchor = Anchor.now()
    places = options.location.split(",")
    if seat.number >= seat.of or seat.of < len(places):
        problem = f"worker {seat.number + 1} of {seat.of}, for {len(places)} location(s)"
        raise BadInput("command line", "expect_workers", problem, "Say how many workers there are, one a location.")
    index = seat.number % len(places)
    sharing = [number for number in range(seat.of) if number % len(places) == index]
    period = round(1e9 / options.rate) if options.rate > 0 else 0
    since = anchor.epoch_nanoseconds % (period * len(sharing)) if period else 0
    values = {
        "host": host,
        "location": places[index],
        "location_index": index,
        "record": _record(options.record, places[index], seat),
        "anchor_monotonic_nanoseconds": anchor.monotonic_nanoseconds,
        "anchor_epoch_nanoseconds": anchor.epoch_nanoseconds,
        "start_monotonic_nanoseconds": anchor.monotonic_nanoseconds - since + sharing.index(seat.number) * period,
        "rate_per_second": options.rate / len(sharing),
        "subnet": options.subnet,
        "deadline_seconds": options.deadline,
        "connection_age_seconds": options.connection_age,
        "ttl_policy": options.ttl_policy,
        "nameserver": options.nameserver,
    }
    return checked(values, "command line")


def _record(given: str, place: str, seat: Seat) -> str:
    path = Path(given or f"requests-{place}-{wall_stamp()}.bin")
    return str(path if seat.of == 1 else path.with_stem(f"{path.stem}-{seat.number}"))


class Traffic:
    """Everything of one location, wired together. Raises ``OutOfPatience`` when nobody could be signed up."""

    def __init__(self, settings: LoadSettings, token: str, environment: Environment) -> None:
        self._settings = settings
        self._ended: Any = environment.events.request
        url = urlsplit(settings.host)
        found = names(
            url.hostname or "",
            settings.nameserver,
            settings.speed,
            settings.real_deadline,
            forever=settings.ttl_policy == "ignore",
            subnet=settings.subnet,
        )
        self._client = Client(
            settings.host,
            found,
            settings.real_deadline,
            settings.real_connection_age,
            settings.ttl_policy,
            {"X-Monitoring-Token": token} if token else {},
        )
        self._writer = RequestWriter(Path(settings.record), settings.clock, settings.location_index)
        self._customer = Customer(self._client, self._writer, settings.clock, self._tell)
        self._renewal: gevent.Greenlet | None = None
        self._over = False
        self._arrivals = Arrivals(
            rate=settings.real_rate,
            start=settings.start_monotonic_nanoseconds,
            shift=phase(settings.location_index),
            operations=turns(settings.mix),
            in_flight=settings.in_flight,
            perform=self._customer.perform,
            drop=self._customer.drop,
        )

    def run(self) -> None:
        """Sign up, say that it is ready, and send until :meth:`end`."""
        patience = max(self._settings.clock.real_seconds(seconds(self._settings.setup_seconds)), _SHORTEST_SETUP)
        session = self._customer.sign_up(patience)
        if self._settings.location_index == 0:
            self._customer.plant_canary(patience)
        self._renewal = gevent.spawn(self._customer.stay_signed_in)
        if self._settings.ready:
            Path(self._settings.ready).write_text(f"{session.username}\n{session.organization}\n")
        _log.info("%s: %g requests a real second", self._settings.location, self._settings.real_rate)
        self._arrivals.run()

    def end(self) -> None:
        """Let what is under way end, so that no write that left stays without a record; then close the record.

        Locust may say twice that it is quitting; the second time there is nothing left to end.
        """
        if self._over:
            return
        self._over = True
        self._arrivals.stop()
        if self._renewal is not None:
            self._renewal.kill()
        if not self._arrivals.drain(self._settings.real_deadline * 2):
            _log.error("requests were still under way after twice their deadline: they have no record")
        self._writer.close()
        self._client.close()

    def _tell(self, operation: str, judged: Judged, reply: Reply, due: int) -> None:
        good = judged.outcome is Outcome.GOOD
        self._ended.fire(
            request_type="gameday",
            name=operation,
            response_time=(reply.done - due) / 1e6,
            response_length=len(reply.body),
            exception=None if good else RuntimeError(judged.outcome.name.lower()),
            context={},
        )


class Visitors(User):
    """The one user of a process: the clock of its arrivals."""

    fixed_count = 1
    wait_time = constant(0)

    @task
    def visit(self) -> None:
        """Send until the process ends; a set-up that fails ends the process with exit code 1."""
        line = FileObjectPosix(sys.stdin.fileno(), "rb", closefd=False) if ORDERED in os.environ else None
        try:
            settings, token = ordered(line.readline()) if line else self._by_hand()
            traffic = Traffic(settings, token, self.environment)
        except (GamedayError, OSError) as error:
            self._give_up(error)
            return
        self.environment.events.quitting.add_listener(lambda **_: traffic.end())
        if line:
            gevent.spawn(self._end_with_the_run, line)
        try:
            traffic.run()
        except GamedayError as error:
            self._give_up(error)
        raise StopUser  # or Locust would begin anew, with the record already there

    def _by_hand(self) -> tuple[LoadSettings, str]:
        environment = self.environment  # a worker is told the host by its master, and the options too
        settings = by_hand(environment.parsed_options, environment.host or "", Seat.taken(environment))
        return settings, os.environ.get(TOKEN, "")

    def _end_with_the_run(self, line: FileObjectPosix) -> None:
        """Whoever started this process holds its standard input open; when it dies, however it dies, so does this.

        Traffic that outlives its run would load a platform that nobody watches, and go on writing into its record.
        """
        while line.read(1):
            pass
        _log.error("the run is gone: traffic ends")
        self.environment.runner.quit()

    def _give_up(self, error: Exception) -> None:
        _log.error("%s", error)
        if isinstance(error, BadInput) and error.field == "host":
            _log.error("say where the service is: --host http://…")
        self.environment.process_exit_code = 1
        gevent.spawn(self.environment.runner.quit)
        gevent.sleep(60)  # until the runner ends this greenlet
