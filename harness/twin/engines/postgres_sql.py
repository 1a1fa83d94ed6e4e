"""SQL with a real deadline: libpq driven by hand, since psycopg's own time-outs round up to two seconds.

A server that is frozen accepts connections and answers nothing, and a dark one does not even accept: a deadline that
covers connecting, waiting and reading is the only thing that ends both.
"""

from __future__ import annotations

import select
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer

from harness.clock import monotonic_nanoseconds
from harness.errors import TwinFault

PORT = 5432
Value = str | int | float | None
Row = tuple[Any, ...]


class Deadline:
    """The real moment after which nothing is waited for."""

    def __init__(self, real_seconds: float) -> None:
        self._end = monotonic_nanoseconds() + round(real_seconds * 1e9)

    def left(self) -> float:
        """Real seconds left; never negative."""
        return max(0.0, (self._end - monotonic_nanoseconds()) / 1e9)

    @property
    def passed(self) -> bool:
        """Whether nothing is left."""
        return self.left() <= 0


class Session:
    """One connection as a role. Use it in a ``with``; not for two threads at once.

    ``inside`` is entered while the socket is made, so that it belongs to that network. Raises ``TwinFault`` when the
    server does not answer in time or says no.
    """

    def __init__(
        self,
        inside: AbstractContextManager[object],
        address: str,
        *,
        role: str = "rdsadmin",
        database: str = "agentauri",
        real_seconds: float = 2.0,
    ) -> None:
        self.address = address
        deadline = Deadline(real_seconds)
        conninfo = (
            f"host={address} port={PORT} user={role} dbname={database} application_name=rdsadmin "
            "gssencmode=disable sslmode=disable"
        )
        with inside:
            self._connection = pq.PGconn.connect_start(conninfo.encode())
            try:
                self._connect(deadline)
            except BaseException:
                self._connection.finish()
                raise

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; a query under way is abandoned."""
        self._connection.finish()

    def query(self, sql: str, parameters: Sequence[Value] = (), *, real_seconds: float = 2.0) -> list[Row]:
        """The rows of one statement; parameters are ``$1``, ``$2``… After a missed deadline the session is closed."""
        deadline = Deadline(real_seconds)
        texts = [None if value is None else str(value).encode() for value in parameters]
        try:
            self._connection.send_query_params(sql.encode(), texts)
            return self._rows(self._result(deadline))
        except psycopg.OperationalError as error:
            raise TwinFault(f"PostgreSQL at {self.address}: {error}") from error

    def script(self, sql: str, *, real_seconds: float = 30.0) -> None:
        """Run several statements, without parameters or rows."""
        self._connection.send_query(sql.encode())
        self._rows(self._result(Deadline(real_seconds)))

    def _connect(self, deadline: Deadline) -> None:
        connection = self._connection
        waiting: int = pq.PollingStatus.WRITING
        while True:
            if connection.status == pq.ConnStatus.BAD:
                raise TwinFault(f"PostgreSQL at {self.address} refused: {_said(connection.error_message)}")
            if waiting == pq.PollingStatus.OK:
                break
            self._wait(deadline, write=waiting == pq.PollingStatus.WRITING)
            waiting = connection.connect_poll()
            if waiting == pq.PollingStatus.FAILED:
                raise TwinFault(f"PostgreSQL at {self.address} refused: {_said(connection.error_message)}")
        connection.nonblocking = 1

    def _wait(self, deadline: Deadline, *, write: bool = False) -> None:
        descriptor = self._connection.socket
        readable: list[int] = [] if write else [descriptor]
        writable = [descriptor] if write else []
        if not any(select.select(readable, writable, [], deadline.left())):
            self._connection.finish()
            raise TwinFault(f"PostgreSQL at {self.address} did not answer in time")

    def _result(self, deadline: Deadline) -> pq.abc.PGresult | None:
        connection = self._connection
        while connection.flush():
            self._wait(deadline, write=True)
        last: pq.abc.PGresult | None = None
        while True:
            while connection.is_busy():
                self._wait(deadline)
                connection.consume_input()
            result = connection.get_result()
            if result is None:
                return last
            if last is None or last.status != pq.ExecStatus.FATAL_ERROR:
                last = result

    def _rows(self, result: pq.abc.PGresult | None) -> list[Row]:
        if result is None:
            raise TwinFault(f"PostgreSQL at {self.address} ended the connection")
        if result.status == pq.ExecStatus.TUPLES_OK:
            reader = Transformer()
            reader.set_pgresult(result)
            return [tuple(row) for row in reader.load_rows(0, result.ntuples, tuple)]
        if result.status in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.EMPTY_QUERY):
            return []
        raise TwinFault(f"PostgreSQL at {self.address}: {_said(result.error_message)}")


def _said(message: bytes) -> str:
    return " ".join(message.decode(errors="replace").split())
