"""SQL, Redis and HTTP at a region's endpoints, asked through a hand in the region."""

from __future__ import annotations

import json
import os
import select
import subprocess
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from harness.errors import CloudFault
from harness.target import DatabaseAccess


class Hand:
    """One process in one region, started at the first question; safe to use from several threads.

    ``python``: the words that begin a Python command there (:meth:`harness.target.There.interpreter`).
    Raises ``CloudFault`` (code ``Unreachable``) when the question failed or its time limit passed.
    """

    def __init__(self, region: str, python: Sequence[str], access: DatabaseAccess) -> None:
        self.region = region
        self._python = tuple(python)
        self._access = access
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Hand:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._end()

    def sql(self, host: str, query: str, *, limit_seconds: float = 5.0) -> list[list[Any]]:
        """The rows of a query at an endpoint; ``limit_seconds`` of real time, for connecting and for the statement."""
        variable = self._access.password_variable
        question = {
            "kind": "sql",
            "host": host,
            "query": query,
            "database": self._access.name,
            "user": self._access.user,
            "password": os.environ.get(variable) if variable else None,
            "timeout_seconds": limit_seconds,
        }
        rows: list[list[Any]] = self._ask(question, limit_seconds)
        return rows

    def redis(self, host: str, port: int, *command: str, limit_seconds: float = 2.0) -> Any:
        """The answer of one Redis command."""
        question = {
            "kind": "redis",
            "host": host,
            "port": port,
            "command": list(command),
            "timeout_seconds": limit_seconds,
        }
        return self._ask(question, limit_seconds)

    def http(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None, *, limit_seconds: float = 2.0
    ) -> tuple[int, str]:
        """Status and text of the answer to one HTTP request, whatever the status is."""
        question = {
            "kind": "http",
            "host": urlsplit(url).hostname,
            "method": method,
            "url": url,
            "headers": dict(headers),
            "body": body,
            "timeout_seconds": limit_seconds,
        }
        status, text = self._ask(question, limit_seconds)
        return int(status), str(text)

    def _ask(self, question: Mapping[str, Any], limit_seconds: float) -> Any:
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write((json.dumps(question) + "\n").encode())
                process.stdin.flush()
            except OSError as error:
                self._end()
                raise self._fault(question, str(error)) from error
            ready, _, _ = select.select([process.stdout], [], [], 2 * limit_seconds + 5)
            line = process.stdout.readline() if ready else b""
            if not line:
                self._end()
                raise self._fault(question, "the hand did not answer in time")
        answer = json.loads(line)
        if "error" in answer:
            raise self._fault(question, answer["error"])
        return answer["answer"]

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [*self._python, "-m", "harness.data.hand"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def _fault(self, question: Mapping[str, Any], problem: str) -> CloudFault:
        return CloudFault(f"{question['kind']} at {question['host']} from {self.region}", "Unreachable", problem)
