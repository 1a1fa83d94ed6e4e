"""Clients leave a region, and return to it: its health checks are held unhealthy, whatever its endpoint does.

A disabled check counts as healthy, and inverted as unhealthy
(https://docs.aws.amazon.com/Route53/latest/APIReference/API_UpdateHealthCheck.html). Inverted alone would send clients
*to* a region once it fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import minutes
from harness.cloud import configuration, discovery, orders
from harness.cloud.estate import Estate
from harness.cloud.orders import Order
from harness.cloud.session import GLOBAL_REGION
from harness.errors import Refused
from harness.procedures import Drain, Return
from harness.runbooks.step import Look, Runbook, Step


def drain(estate: Estate, procedure: Drain) -> Runbook:
    """Raises ``Refused`` when no record leads elsewhere, or one of the region has no health check of its own."""
    region = procedure.region.name
    checks = checks_of(estate, region)
    return Runbook(
        procedure,
        (
            _hold(estate, region, checks, held=True),
            Step(
                f"Wait until Route 53 leads no location to {region}; clients then leave as their TTLs run out",
                lambda: _led(estate, region, away=True),
                minutes(10),
            ),
        ),
    )


def bring_back(estate: Estate, procedure: Return) -> Runbook:
    """Raises ``Refused`` as :func:`drain` does."""
    return Runbook(procedure, return_steps(estate, procedure.region.name))


def return_steps(estate: Estate, region: str) -> tuple[Step, ...]:
    """The steps that let clients return to a region."""
    return (
        _hold(estate, region, checks_of(estate, region), held=False),
        Step(
            f"Wait until Route 53 leads those to {region} who are nearest to it",
            lambda: _led(estate, region, away=False),
            minutes(10),
        ),
    )


def _hold(estate: Estate, region: str, checks: tuple[str, ...], *, held: bool) -> Step:
    def look() -> Look:
        wrong = [check for check in checks if _is_held(estate, check) is not held]
        how = "held unhealthy" if held else "left to what its checkers see"
        return Look.of(not wrong, f"{len(checks) - len(wrong)} of {len(checks)} health checks {how}")

    def calls() -> tuple[Order, ...]:
        return tuple(orders.hold_unhealthy(check, held=held) for check in checks if _is_held(estate, check) is not held)

    words = "Hold {} unhealthy in Route 53" if held else "Let Route 53 believe the checkers of {} again"
    return Step(words.format(f"the health check of {region}"), look, minutes(5), calls)


def checks_of(estate: Estate, region: str) -> tuple[str, ...]:
    """The health checks of the records that lead to a region's load balancer, each of that region alone.

    Raises ``Refused`` when they cannot take the region out of DNS.
    """
    balancer = estate.platform.load_balancers[region].dns_name.lower()
    records = discovery.records(estate.cloud, estate.platform.zone, estate.target.api.host)
    mine = [record for record in records if discovery.record_target(record).lower() == balancer]
    others = [record for record in records if record not in mine]
    if not mine:
        raise Refused(f"no record of {estate.target.api.host} leads to {region}.", "There is nothing to drain.")
    if not others:
        raise Refused(f"every record leads to {region}: its clients could go nowhere.", "Give another region a record.")
    bare = [record.get("SetIdentifier", record["Name"]) for record in mine if "HealthCheckId" not in record]
    if bare:
        raise Refused(
            f"record {bare[0]} has no health check of its own: nothing takes {region} out of DNS.",
            "A SECONDARY is left by returning the PRIMARY.",
        )
    checks = tuple(dict.fromkeys(str(record["HealthCheckId"]) for record in mine))
    shared = [record for record in others if record.get("HealthCheckId") in checks]
    if shared:
        raise Refused(f"record {shared[0].get('SetIdentifier')} of another region shares its health check.")
    return checks


def is_drained(estate: Estate, region: str) -> bool:
    """Whether one of the region's health checks is held unhealthy."""
    return any(_is_held(estate, check) for check in checks_of(estate, region))


def _is_held(estate: Estate, check: str) -> bool:
    found = estate.cloud.call("route53", GLOBAL_REGION, "get_health_check", HealthCheckId=check)
    config: Mapping[str, Any] = found["HealthCheck"]["HealthCheckConfig"]
    return bool(config.get("Disabled")) and bool(config.get("Inverted"))


def _led(estate: Estate, region: str, *, away: bool) -> Look:
    known = set(estate.addresses(region))
    nearest = configuration.nearest(estate)
    led, astray = [], []
    for place in estate.target.locations:
        there = bool(known & set(estate.answer(place).addresses))
        led += [place.name] if there else []
        astray += [place.name] if not there and nearest[place.name][0] == region else []
    if away:
        return Look.of(not led, f"{', '.join(led) or 'nobody'} is led to {region}")
    return Look.of(not astray, f"{', '.join(astray)} is led elsewhere" if astray else f"{', '.join(led)} led to it")
