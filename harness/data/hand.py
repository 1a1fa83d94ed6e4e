"""A hand inside a region: SQL, Redis commands and HTTP for somebody outside, one JSON object a line, in and out.

Runs as ``python -m harness.data.hand`` behind a region's ``enter`` prefix, since databases and caches are private.
Every question carries its own time limit in real seconds; a failure is an answer, never an end.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import httpx
import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def _sql(question: Mapping[str, Any]) -> list[list[Any]]:
    limit = float(question["timeout_seconds"])
    with psycopg.connect(
        host=question["host"],
        port=question.get("port", 5432),
        dbname=question["database"],
        user=question["user"],
        password=question.get("password"),
        autocommit=True,
        connect_timeout=max(2, round(limit)),
        options=f"-c statement_timeout={round(limit * 1000)}",
        tcp_user_timeout=round(limit * 1000),
    ) as connection:
        cursor = connection.execute(question["query"])
        return [list(row) for row in cursor.fetchall()] if cursor.description else []


def _redis(question: Mapping[str, Any]) -> Any:
    limit = float(question["timeout_seconds"])
    client = redis.Redis(
        host=question["host"],
        port=question.get("port", 6379),
        socket_timeout=limit,
        socket_connect_timeout=limit,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
    try:
        return client.execute_command(*question["command"])  # type: ignore[no-untyped-call]
    finally:
        client.close()


def _http(question: Mapping[str, Any]) -> tuple[int, str]:
    with httpx.Client(trust_env=False, timeout=float(question["timeout_seconds"])) as client:
        method, url = question["method"], question["url"]
        answer = client.request(method, url, headers=question["headers"], content=question["body"])
    return answer.status_code, answer.text


_KINDS = {"sql": _sql, "redis": _redis, "http": _http}


def main() -> None:
    """Answer questions until standard input ends."""
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = {"answer": _KINDS[question["kind"]](question)}
        except (psycopg.Error, redis.RedisError, httpx.HTTPError, OSError) as error:
            answer = {"error": f"{type(error).__name__}: {error}".strip()}
        sys.stdout.write(json.dumps(answer, default=str) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
