"""What a customer of one location does: sign up once, then the operations that arrivals ask for.

The API is that of the service's own description: success is ``{"data": …}``; a 201 promises that the row is
committed; ``ponder/events`` answers 200 with an empty list when its database is away, so the body decides.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gevent

from harness.clock import Clock, monotonic_nanoseconds, seconds
from harness.errors import OutOfPatience
from harness.requests import NO_WRITE, OPERATIONS, Outcome, RequestWriter
from loadtests.routing import Client, Reply

_RENEW_AT = 0.75
_RETRY_REAL_SECONDS = 0.2
_ANSWERED_BY_A_LIST = ("list_triggers", "ponder_events")
_MUST_SAY = {"create_trigger": ("id",), "create_api_key": ("id",), "log_in": ("token",)}
"""What an answer must hold to be right."""
_DATED = ("create_trigger", "list_triggers", "ponder_events")
"""Whose answers show rows with a date that a judge asks for."""


@dataclass(frozen=True)
class Session:
    """A signed-in customer."""

    username: str
    password: str
    token: str
    organization: str
    expires_in: float
    """Life of the token in AWS seconds."""


@dataclass(frozen=True)
class Judged:
    """An answer's outcome, and what it showed of the data's age."""

    outcome: Outcome
    observed: int = 0


def judge(operation: str, reply: Reply, name: str = "") -> Judged:
    """Whether an answer has the right status and the right body. ``name`` is the trigger that was asked for."""
    if reply.outcome is not Outcome.GOOD:
        return Judged(reply.outcome)
    if reply.status == 401:
        return Judged(Outcome.UNAUTHORIZED)
    if reply.status != (201 if operation.startswith("create_") else 200):
        return Judged(Outcome.WRONG_STATUS)
    data = _data(reply.body)
    if operation in _ANSWERED_BY_A_LIST:
        right = isinstance(data, list)
    else:
        right = isinstance(data, dict) and all(data.get(key) for key in _MUST_SAY.get(operation, ()))
    if operation == "create_trigger":
        right = right and data.get("name") == name
    if not right or (operation == "ponder_events" and not data):
        return Judged(Outcome.WRONG_BODY)
    if operation not in _DATED:
        return Judged(Outcome.GOOD)
    return Judged(Outcome.GOOD, newest([data] if isinstance(data, dict) else data, ids=operation == "ponder_events"))


def newest(events: list[Any], *, ids: bool = True) -> int:
    """The latest ``created_at`` in microseconds since the epoch; without dates the highest id (if wanted), else 0."""
    rows = [event for event in events if isinstance(event, dict)]
    dates = [_microseconds(row["created_at"]) for row in rows if row.get("created_at")]
    if dates:
        return max(dates)
    return max((int(row["id"]) for row in rows if ids and str(row.get("id", "")).isdigit()), default=0)


def _microseconds(moment: object) -> int:
    if isinstance(moment, int | float):
        return round(moment * 1_000_000)
    try:
        date = datetime.datetime.fromisoformat(str(moment))
    except ValueError:
        return 0
    aware = date if date.tzinfo else date.replace(tzinfo=datetime.UTC)
    return (aware - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(microseconds=1)


def _data(body: bytes) -> Any:
    """What an answer carries under ``data``; ``None`` when it is not such an answer."""
    try:
        values = json.loads(body)
    except ValueError:
        return None
    return values.get("data") if isinstance(values, dict) else None


class Customer:
    """One customer and its record. ``told`` hears of each ended request (operation, judged, reply, due ns)."""

    def __init__(
        self, client: Client, writer: RequestWriter, clock: Clock, told: Callable[[str, Judged, Reply, int], None]
    ) -> None:
        self._client = client
        self._writer = writer
        self._clock = clock
        self._told = told
        self._session = Session("", "", "", "", 0)
        self._headers: dict[str, str] = {}

    def sign_up(self, patience_real_seconds: float) -> Session:
        """Register, log in, create an organization; tried again until it works, for the traffic has not begun.

        Raises ``OutOfPatience`` that quotes the last answer.
        """
        give_up = monotonic_nanoseconds() + round(patience_real_seconds * 1e9)
        while True:
            session, sight = self._enter(f"gd-{os.urandom(8).hex()}", os.urandom(16).hex() + "Aa1!")
            if session is not None:
                self._adopt(session)
                return session
            if monotonic_nanoseconds() > give_up:
                raise OutOfPatience("a customer to be signed up", sight)
            gevent.sleep(_RETRY_REAL_SECONDS)

    def plant_canary(self, patience_real_seconds: float) -> None:
        """Create the one enabled trigger that the platform's events match, so that each event leads to one job.

        Raises ``OutOfPatience`` that quotes the last answer.
        """
        give_up = monotonic_nanoseconds() + round(patience_real_seconds * 1e9)
        canary = {"name": f"canary-{os.urandom(8).hex()}", "chain_id": 8453, "registry": "identity", "enabled": True}
        while True:
            reply = self._post("/api/v1/triggers", canary, self._headers)
            if reply.status == 201:
                return
            if monotonic_nanoseconds() > give_up:
                raise OutOfPatience("the canary trigger to be created", _sight("create a trigger", reply))
            gevent.sleep(_RETRY_REAL_SECONDS)

    def stay_signed_in(self) -> None:
        """Renew the token before it expires, for ever; a renewal that fails is tried again until it works."""
        while True:
            life = self._clock.real_seconds(seconds(self._session.expires_in * _RENEW_AT))
            gevent.sleep(life)
            login = None
            while login is None:
                login, _ = self._log_in(self._session.username, self._session.password)
                if login is None:
                    gevent.sleep(_RETRY_REAL_SECONDS)
            token, expires_in = login
            old = self._session
            self._adopt(Session(old.username, old.password, token, old.organization, expires_in))

    def perform(self, operation: str, due: int) -> None:
        """One arrival, from its due time (monotonic ns) to its record."""
        name, write_id = "", NO_WRITE
        if operation == "create_trigger":
            write_id = os.urandom(16)
            name = f"gd-{write_id.hex()}"
            trigger = {"name": name, "chain_id": 1, "registry": "reputation", "enabled": False}
            reply = self._post("/api/v1/triggers", trigger, self._headers)
        elif operation == "create_api_key":
            key = {"name": f"gd-{os.urandom(8).hex()}"}
            reply = self._post(f"/api/v1/organizations/{self._session.organization}/api-keys", key, self._headers)
        elif operation == "log_in":
            reply = self._post("/api/v1/auth/login", self._credentials)
        else:
            reply = self._client.send("GET", self._path(operation), self._headers)
        self._keep(operation, due, reply, judge(operation, reply, name), write_id)

    def drop(self, operation: str, due: int) -> None:
        """Record an arrival that could not be sent, as too many are under way."""
        reply = Reply(Outcome.DROPPED, done=monotonic_nanoseconds())
        write_id = os.urandom(16) if operation == "create_trigger" else NO_WRITE
        self._keep(operation, due, reply, Judged(Outcome.DROPPED), write_id)

    def _keep(self, operation: str, due: int, reply: Reply, judged: Judged, write_id: bytes) -> None:
        self._writer.write(
            due,
            reply.sent,
            reply.done,
            OPERATIONS.index(operation),
            judged.outcome,
            reply.status,
            reply.address,
            write_id,
            judged.observed,
        )
        self._told(operation, judged, reply, due)

    def _path(self, operation: str) -> str:
        if operation == "list_triggers":
            return "/api/v1/triggers?limit=5"
        if operation == "ponder_events":
            return "/api/v1/ponder/events?limit=5"
        if operation == "ponder_status":
            return "/api/v1/ponder/status"
        return f"/api/v1/organizations/{self._session.organization}/api-keys/stats"

    @property
    def _credentials(self) -> dict[str, object]:
        return {"username_or_email": self._session.username, "password": self._session.password}

    def _adopt(self, session: Session) -> None:
        self._session = session
        self._headers = {"Authorization": f"Bearer {session.token}", "X-Organization-ID": session.organization}

    def _enter(self, username: str, password: str) -> tuple[Session | None, str]:
        account = {"username": username, "email": f"{username}@gameday.example", "password": password}
        reply = self._post("/api/v1/auth/register", account)
        if reply.status not in (200, 201):
            return None, _sight("register", reply)
        login, sight = self._log_in(username, password)
        if login is None:
            return None, sight
        bearer = {"Authorization": f"Bearer {login[0]}"}
        reply = self._post("/api/v1/organizations", {"name": username, "slug": username}, bearer)
        organization = _data(reply.body)
        if reply.status not in (200, 201) or not isinstance(organization, dict) or not organization.get("id"):
            return None, _sight("create an organization", reply)
        return Session(username, password, login[0], str(organization["id"]), login[1]), ""

    def _log_in(self, username: str, password: str) -> tuple[tuple[str, float] | None, str]:
        reply = self._post("/api/v1/auth/login", {"username_or_email": username, "password": password})
        data = _data(reply.body)
        if reply.status != 200 or not isinstance(data, dict) or not data.get("token"):
            return None, _sight("log in", reply)
        return (str(data["token"]), float(data.get("expires_in", 3600))), ""

    def _post(self, path: str, values: Mapping[str, object], headers: dict[str, str] | None = None) -> Reply:
        return self._client.send("POST", path, headers or {}, json.dumps(values).encode())


def _sight(what: str, reply: Reply) -> str:
    told = reply.problem or reply.body[:200].decode("utf-8", "replace")
    return f"{what}: {reply.outcome.name.lower()}, status {reply.status}: {told}"
