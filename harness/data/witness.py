"""A member whose role changes, and every region's word for what that role is: how long a cache goes on believing.

Asked through each region's own load balancer, from the hand beside it, so that no routing comes between.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from harness.clock import Clock, seconds
from harness.data.remote import Hand
from harness.errors import CloudFault
from harness.events import RoleChanged, RoleSeen
from harness.timeline import Timeline

_LOOK = seconds(1)
_LIMIT_REAL_SECONDS = 2.0
_SHORTEST_PAUSE = 0.1
BEFORE, AFTER = "member", "viewer"


@dataclass(frozen=True)
class Door:
    """How one region's service is reached."""

    region: str
    hand: Hand
    url: str
    host: str
    token: str = ""
    """The value of ``X-Monitoring-Token``; empty: none is sent."""

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, bearer: str = "") -> Any:
        """What the service answers under ``data``. Raises ``CloudFault`` for anything but success."""
        headers = {"Host": self.host, "Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {bearer}"} if bearer else {}
        headers |= {"X-Monitoring-Token": self.token} if self.token else {}
        text = None if body is None else json.dumps(body)
        status, told = self.hand.http(method, self.url + path, headers, text, limit_seconds=_LIMIT_REAL_SECONDS)
        if not 200 <= status < 300:
            raise CloudFault(f"{method} {path} in {self.region}", str(status), told[:200])
        return json.loads(told)["data"]


class Witness:
    """A context: while it is open every region is asked each second. Making it leaves the role in every cache.

    Raises ``CloudFault`` when the member cannot be made, or a region does not know it.
    """

    def __init__(self, doors: Mapping[str, Door], clock: Clock, timeline: Timeline) -> None:
        self._doors = doors
        self._clock = clock
        self._timeline = timeline
        self._stop = threading.Event()
        first = next(iter(doors.values()))
        stem, self._password = f"role-{os.urandom(6).hex()}", os.urandom(12).hex()
        self._owner, self._member = f"{stem}-owner", f"{stem}-member"
        for name in (self._owner, self._member):
            account = {"username": name, "email": f"{name}@gameday.example", "password": self._password}
            first.ask("POST", "/api/v1/auth/register", account)
        owner, _ = self._log_in(first, self._owner)
        self._organization = first.ask("POST", "/api/v1/organizations", {"name": stem, "slug": stem}, owner)["id"]
        _, self._user = self._log_in(first, self._member)
        self._order(first, BEFORE)
        self._bearers = {region: self._log_in(door, self._member)[0] for region, door in doors.items()}
        for region in doors:
            self._look(region)

    def __enter__(self) -> Witness:
        self._pool = ThreadPoolExecutor(len(self._doors))
        for region in self._doors:
            self._pool.submit(self._watch, region)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._pool.shutdown()

    def change(self, region: str) -> None:
        """Let the owner change the role, through that region. Raises ``CloudFault`` when it was not done."""
        self._order(self._doors[region], AFTER)
        self._timeline.add(RoleChanged(self._clock.now(), region, AFTER))

    def _order(self, door: Door, role: str) -> None:
        path = f"/api/v1/organizations/{self._organization}/members/{self._user}"
        door.ask("PUT", path, {"role": role}, self._log_in(door, self._owner)[0])

    def _log_in(self, door: Door, name: str) -> tuple[str, str]:
        login = {"username_or_email": name, "password": self._password}
        told = door.ask("POST", "/api/v1/auth/login", login)
        return told["token"], told["user"]["id"]

    def _watch(self, region: str) -> None:
        while not self._stop.wait(max(_SHORTEST_PAUSE, self._clock.real_seconds(_LOOK))):
            try:
                self._look(region)
            except CloudFault:
                continue  # a region that does not answer believes nothing; the judge misses its word

    def _look(self, region: str) -> None:
        asked = self._clock.now()
        path = f"/api/v1/organizations/{self._organization}/membership"
        role = self._doors[region].ask("GET", path, None, self._bearers[region])["role"]
        self._timeline.add(RoleSeen(asked, region, str(role)))
