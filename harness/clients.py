"""The kinds of clients that a scenario may send, as a plan of the load and as the record tells it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from harness.clock import minutes, seconds
from harness.cloud.estate import Estate
from harness.errors import BadInput
from harness.generators import LoadPlace
from harness.header import ClientPolicy
from harness.load import LoadPlan
from harness.requests import OPERATIONS, WRITES
from harness.target import Target
from loadtests.settings import MIX

_FOR_EVER = minutes(24 * 60)
READS: Mapping[str, int] = {operation: weight for operation, weight in MIX.items() if operation not in WRITES}
EVERY_ROUTE: Mapping[str, int] = {operation: MIX.get(operation, 1) for operation in OPERATIONS}
"""The usual mix, and a little of everything else that there is."""
KINDS = {"honest": "honour", "stubborn": "ignore", "storm": "close"}
"""Each kind and what it does with DNS answers."""
_TOLD = {"honour": "honoured", "ignore": "ignored", "close": "honoured, a new connection for each request"}


def places(estate: Estate) -> list[LoadPlace]:
    """Where an estate's clients are; who only claims to be somewhere asks the API's own name servers as from there."""
    found = []
    for index, place in enumerate(estate.target.locations):
        subnet = estate.target.asks_as(place)
        servers = place.nameserver or ",".join(map(str, estate.name_server.authorities)) if subnet else ""
        found.append(LoadPlace(place.name, index, place.way, servers, subnet, place.python, place.folder))
    return found


def plan(target: Target, kind: str, mix: Mapping[str, int], times: float) -> LoadPlan:
    """The traffic of a kind of clients, ``times`` as much as the target file says. Raises ``BadInput``."""
    if kind not in KINDS:
        raise BadInput("gameday.traffic", "clients", f"{kind!r} is not one of {', '.join(KINDS)}")
    shape = target.load
    return LoadPlan(
        host=f"http://{target.api.host}:{target.api.port}",
        rates={place.name: shape.rate_per_second * times for place in target.locations},
        mix=mix,
        deadline=seconds(shape.deadline_seconds),
        connection_age=_FOR_EVER if kind == "stubborn" else seconds(shape.connection_age_seconds),
        ttl_policy=KINDS[kind],
        monitoring_token=_token(target),
    )


def _token(target: Target) -> str:
    """Strangers may sign up ten times an hour and address; the twin takes any token for a monitor's."""
    variable = target.api.monitoring_token_variable
    return os.environ.get(variable, "") if variable else "twin" if target.target.kind == "twin" else ""


def policy(planned: LoadPlan) -> ClientPolicy:
    """How the record tells what these clients do."""
    age = None if planned.connection_age == _FOR_EVER else planned.connection_age
    return ClientPolicy(_TOLD[planned.ttl_policy], age)
