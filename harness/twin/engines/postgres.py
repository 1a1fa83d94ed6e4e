"""One PostgreSQL server in a place of the twin: primary or standby, killed, frozen, promoted, rewound.

Nothing here knows RDS. Everything a node is told is kept in ``node.conf``, written anew before each start: pg_rewind
and pg_basebackup copy the source's configuration, its replication settings included, over the target's.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Literal, Protocol

from harness.clock import real_sleep
from harness.errors import TwinFault
from harness.twin.engines import postgres_template as template
from harness.twin.engines import postgres_timelines as timelines
from harness.twin.engines.postgres_sql import Deadline, Row, Session, Value

Role = Literal["primary", "standby"]
_START_SECONDS = 20.0
_STOP_SECONDS = 5.0
_COPY_SECONDS = 60.0
_CATCH_UP_SECONDS = 4.0
_POLL_SECONDS = 0.004
_REFUSED = 1


class Ground(Protocol):
    """What a node needs of the network (``harness.twin.network.network.Network`` has it)."""

    def inside(self, place: str) -> AbstractContextManager[None]:
        """This thread is in the place's network meanwhile."""

    def spawn(
        self, name: str, place: str, command: Sequence[str], *, user: str | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a process there."""


class PostgresNode:
    """A server with a data directory of its own, listening at ``address`` (clients) and ``backplane_address``.

    Every wait has a limit in *real* seconds; ``TwinFault`` says what did not happen. One thread at a time may change a
    node (its own lock sees to that); questions may be asked, and processes ended, from any.
    """

    def __init__(
        self,
        network: Ground,
        name: str,
        place: str,
        address: str,
        backplane_address: str,
        data_directory: Path,
        log: logging.Logger,
    ) -> None:
        self.name = name
        self.place = place
        self.address = address
        self.backplane_address = backplane_address
        self.data_directory = data_directory
        self.upstream: PostgresNode | None = None
        """Whom this node was told to stream from; ``None`` for a primary."""
        self.fork: str | None = None
        """The WAL position at which this node was promoted; whoever received more is on a dead branch."""
        self._network = network
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._settings: dict[str, str] = {}
        self._frozen = False
        self._destroyed = False
        self._lock = threading.RLock()

    @property
    def alive(self) -> bool:
        """Whether the server's process exists (it may be frozen)."""
        return self._process is not None and self._process.poll() is None

    @property
    def frozen(self) -> bool:
        """Whether the processes are stopped by ``freeze``."""
        return self._frozen

    @property
    def refused(self) -> bool:
        """Whether the server ended by its own decision when it was started, as for parameters that it cannot take."""
        return self._process is not None and self._process.poll() == _REFUSED

    def alone(self) -> AbstractContextManager[object]:
        """Nobody else changes the node meanwhile: for looking whether it should be started, and starting it."""
        return self._lock

    def create(self, source: Path) -> None:
        """Copy the data directory from a template or from a kept volume."""
        template.copy(source, self.data_directory)

    def start(self, *, wait: bool = True) -> None:
        """Start as primary; with ``wait`` return when it answers."""
        with self._lock:
            self._require_data()
            self.upstream = None
            (self.data_directory / "standby.signal").unlink(missing_ok=True)
            self._start(wait)

    def start_standby(self, upstream: PostgresNode | None, *, wait: bool = True) -> None:
        """Start as a hot standby of ``upstream``, or of nobody; with ``wait`` return when it can be read."""
        with self._lock:
            self._require_data()
            self.upstream = upstream
            (self.data_directory / "standby.signal").touch()
            template.hand_over(self.data_directory / "standby.signal")
            self._start(wait)

    def stop(self) -> None:
        """Shut down cleanly: connections are closed and standbys get all WAL; killed when that takes over 5 s."""
        self._end(signal.SIGINT)

    def quit(self) -> None:
        """Shut down at once, without a checkpoint, but leaving no shared memory behind."""
        self._end(signal.SIGQUIT)

    def kill(self) -> None:
        """SIGKILL the whole process tree, as when the machine dies; the kernel still closes its connections."""
        process = self._process
        if process is None:
            return
        self._signal(self._tree(), signal.SIGSTOP)
        self._signal(self._tree(), signal.SIGKILL)
        process.wait(_STOP_SECONDS)
        self._frozen = False

    def fence(self) -> None:
        """Kill the server, also one that somebody is just starting."""
        self.kill()
        with self._lock:
            self.kill()

    def freeze(self) -> None:
        """Stop the processes without ending them: connections stay and nothing answers."""
        self._frozen = True
        self._signal(self._tree(), signal.SIGSTOP)

    def thaw(self) -> None:
        """Let frozen processes go on."""
        self._signal(self._tree(), signal.SIGCONT)
        self._frozen = False

    def promote(self) -> None:
        """Leave recovery and take writes; returns when it does (some 15 ms). A promoted node is left as it is."""
        with self._lock:
            if self.role() == "primary":
                return
            marks = timelines.reserve(self.data_directory)
            try:
                self._promote()
            except TwinFault:
                timelines.release(marks)
                raise
            timelines.share(self.data_directory)
            self.upstream = None
            self.fork = self._fork()

    def _promote(self) -> None:
        self.sql("select pg_promote(false)")
        deadline = Deadline(_START_SECONDS)
        while self.role() != "primary":
            if deadline.passed:
                raise TwinFault(f"{self.name} was not promoted in time")
            real_sleep(_POLL_SECONDS)

    def follow(self, upstream: PostgresNode | None) -> None:
        """Stream from ``upstream`` from now on, or from nobody, without a restart.

        For one on a dead branch use ``rebuild``.
        """
        with self._lock:
            self.upstream = upstream
            self._reload()

    def beyond(self, promoted: PostgresNode) -> bool:
        """Whether this standby received WAL that the promoted node does not have."""
        if promoted.fork is None:
            return False
        query = "select coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) > $1::pg_lsn"
        return bool(self.sql(query, (promoted.fork,))[0][0])

    def rebuild(self, upstream: PostgresNode) -> None:
        """Become a standby of ``upstream`` whatever happened before: pg_rewind, or a base backup when that fails.

        The node is stopped meanwhile. ``upstream`` must be a primary within reach.
        """
        with self._lock:
            if self.frozen:
                self.kill()
            self.stop()
            upstream.sql("checkpoint", real_seconds=10)
            rewound = self._run("pg_rewind", *self._rewind(upstream))
            if rewound:
                self.start_standby(upstream)
                if self._caught(upstream):
                    return
                self.stop()
            self._log.warning("%s: no rewind possible, a base backup is taken", self.name)
            self.copy_from(upstream)
            self.start_standby(upstream)

    def copy_from(self, upstream: PostgresNode) -> None:
        """Take a base backup of ``upstream``, over the network, as this stopped node's data directory."""
        with self._lock:
            if self._destroyed:
                raise TwinFault(f"{self.name} is no more")
            template.remove(self.data_directory)
            if not self._base_backup(upstream, self.data_directory):
                raise TwinFault(f"{self.name} could not be copied from {upstream.name}")

    def keep(self, directory: Path) -> None:
        """Take a base backup of this running node into ``directory``, which must not exist; it goes on working."""
        directory.parent.mkdir(parents=True, exist_ok=True)
        template.hand_over(directory.parent)
        if not self._base_backup(self, directory):
            template.remove(directory)
            raise TwinFault(f"{self.name} could not be backed up")

    def destroy(self) -> None:
        """End the server for ever and delete its data, once whoever is changing the node has finished."""
        self.kill()
        with self._lock:
            self.kill()
            self._destroyed = True
            template.remove(self.data_directory)

    def set_parameters(self, parameters: Mapping[str, str | None]) -> None:
        """Set configuration parameters (``None``: back to the default) and apply the dynamic ones at once.

        Values are in PostgreSQL's words and real time. A stopped node takes them at its next start.
        """
        with self._lock:
            for name, value in parameters.items():
                if value is None:
                    self._settings.pop(name, None)
                else:
                    self._settings[name] = value
            self._reload()

    def setting(self, name: str) -> str | None:
        """What ``set_parameters`` was told last."""
        return self._settings.get(name)

    def session(self, *, real_seconds: float = 2.0, role: str = "rdsadmin") -> Session:
        """A connection that is kept, made from the node's own place over the backplane."""
        return Session(self._network.inside(self.place), self.backplane_address, role=role, real_seconds=real_seconds)

    def sql(self, query: str, parameters: Sequence[Value] = (), *, real_seconds: float = 2.0) -> list[Row]:
        """The rows of one statement, as ``rdsadmin``, from the node's own place; ``TwinFault`` after the limit."""
        deadline = Deadline(real_seconds)
        with self.session(real_seconds=real_seconds) as session:
            return session.query(query, parameters, real_seconds=deadline.left())

    def role(self) -> Role:
        """What the server says it is."""
        return "standby" if self.sql("select pg_is_in_recovery()")[0][0] else "primary"

    def streaming(self) -> bool:
        """Whether this standby receives WAL now."""
        found = self.sql("select 1 from pg_stat_wal_receiver where status = 'streaming'")
        return bool(found)

    def received(self) -> int:
        """How many bytes of WAL this standby has received or, when it never streamed, replayed."""
        query = "select pg_wal_lsn_diff(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')::bigint"
        return int(self.sql(query)[0][0])

    def reaches(self, other: PostgresNode, *, real_seconds: float = 1.0) -> bool:
        """Whether the other's server answers over the backplane from this node's place."""
        try:
            inside = self._network.inside(self.place)
            with Session(inside, other.backplane_address, real_seconds=real_seconds) as session:
                session.query("select 1", real_seconds=real_seconds)
        except TwinFault:
            return False
        return True

    def wait_until_answering(self, real_seconds: float = _START_SECONDS) -> None:
        """Return when the server takes connections; ``TwinFault`` when it ended or the time is up."""
        deadline = Deadline(real_seconds)
        while True:
            try:
                self.sql("select 1", real_seconds=1)
            except TwinFault as error:
                if not self.alive or deadline.passed:
                    raise TwinFault(f"{self.name} did not start: {error}") from error
                real_sleep(_POLL_SECONDS)
            else:
                return

    def wait_until_streaming(self, real_seconds: float = _START_SECONDS) -> None:
        """Return when this standby receives WAL."""
        deadline = Deadline(real_seconds)
        while not self.streaming():
            if deadline.passed:
                raise TwinFault(f"{self.name} does not stream from {self.upstream and self.upstream.name}")
            real_sleep(_POLL_SECONDS)

    def _require_data(self) -> None:
        if not self.data_directory.is_dir():
            raise TwinFault(f"{self.name} has no data to start from")

    def _start(self, wait: bool) -> None:
        if self.alive:
            raise TwinFault(f"{self.name} runs already")
        self._write()
        command = [str(template.binaries() / "postgres"), "-D", str(self.data_directory)]
        self._process = self._network.spawn(self.name, self.place, command, user=template.USER)
        if wait:
            self.wait_until_answering()

    def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None or not self.alive:
            return
        if self.frozen:
            self.kill()
            return
        self._signal([self._postmaster(process.pid)], how)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._log.warning("%s did not stop in time and is killed", self.name)
            self.kill()

    def _write(self) -> None:
        values = {
            "listen_addresses": f"{self.address},{self.backplane_address}",
            "cluster_name": self.name,
            **self._settings,
        }
        if self.upstream is not None:
            values["primary_conninfo"] = (
                f"host={self.upstream.backplane_address} port=5432 user=rdsadmin application_name={self.name} "
                "gssencmode=disable sslmode=disable connect_timeout=2 tcp_user_timeout=1000"
            )
        text = "".join("{} = '{}'\n".format(name, value.replace("'", "''")) for name, value in values.items())
        path = self.data_directory / template.NODE_CONFIGURATION
        path.write_text(text, encoding="utf-8")
        template.hand_over(path)

    def _reload(self) -> None:
        if not self.data_directory.is_dir():
            return
        self._write()
        if self.alive and self._process is not None:
            self._signal([self._postmaster(self._process.pid)], signal.SIGHUP)

    def _fork(self) -> str | None:
        newest = "select name from pg_ls_waldir() where name like '%.history' order by name desc limit 1"
        found = self.sql(f"select pg_read_file('pg_wal/' || ({newest}))")
        lines = [line.split() for line in str(found[0][0] or "").splitlines() if line.strip()]
        return str(lines[-1][1]) if lines else None

    def _rewind(self, upstream: PostgresNode) -> tuple[str, ...]:
        source = f"host={upstream.backplane_address} port=5432 user=rdsadmin dbname=postgres connect_timeout=5"
        return ("-D", str(self.data_directory), f"--source-server={source}", "--no-sync")

    def _base_backup(self, upstream: PostgresNode, directory: Path) -> bool:
        source = ("-h", upstream.backplane_address, "-p", "5432", "-U", "rdsadmin")
        return self._run("pg_basebackup", "-D", str(directory), *source, "-X", "stream", "-c", "fast", "--no-sync")

    def _caught(self, upstream: PostgresNode) -> bool:
        """Whether this standby follows: one whose own log goes on otherwise receives as well, and applies nothing."""
        deadline = Deadline(_CATCH_UP_SECONDS)
        try:
            self.wait_until_streaming(_CATCH_UP_SECONDS)
            # Longer than what pg_rewind's own recovery may have written in that place (two checkpoints, 230 bytes).
            end = upstream.sql("select pg_logical_emit_message(true, 'rebuilt', repeat(' ', 4096))::text")
            while not self.sql("select pg_last_wal_replay_lsn() >= $1::pg_lsn", end[0])[0][0]:
                if deadline.passed:
                    raise TwinFault(f"{self.name} applies nothing of {upstream.name}'s")
                real_sleep(_POLL_SECONDS)
        except TwinFault as error:
            self._log.warning("%s after its rewind to %s: %s", self.name, upstream.name, error)
            return False
        return True

    def _run(self, program: str, *arguments: str) -> bool:
        command = [str(template.binaries() / program), *arguments]
        process = self._network.spawn(f"{self.name}-{program}", self.place, command, user=template.USER)
        try:
            return process.wait(_COPY_SECONDS) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return False

    def _postmaster(self, launched: int) -> int:
        """The server itself, should the network's launcher have stayed in front of it; never a stale file's number."""
        with suppress(OSError, ValueError, IndexError):
            written = int((self.data_directory / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
            if written in _descendants(launched):
                return written
        return launched

    def _tree(self) -> list[int]:
        return _descendants(self._process.pid) if self._process is not None and self.alive else []

    @staticmethod
    def _signal(processes: Sequence[int], number: signal.Signals) -> None:
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, number)


def _descendants(process: int) -> list[int]:
    """The process and everything below it, parents first."""
    found = [process]
    with suppress(OSError):
        for child in Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split():
            found += _descendants(int(child))
    return found
