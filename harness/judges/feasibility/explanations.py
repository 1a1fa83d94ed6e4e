"""Why there is no way back, in words."""

from __future__ import annotations

from harness.configuration import DnsRecord
from harness.judges.feasibility.exploration import Course
from harness.judges.feasibility.platform import Fault, Platform, State
from harness.judges.feasibility.rows import Kind


def why_never(platform: Platform, course: Course, location: str, kind: Kind, region: str) -> str:
    """Why clients of a location, who are at ``region`` when nothing more happens, are not served."""
    faults, state = course.faults, course.steps[-1].state
    if course.endless:
        return "the platform goes on changing its mind for ever"
    if not platform.front(faults, state, region):
        return _stuck(platform, faults, state, location, region)
    if kind == "replica reads" and region in platform.readers:
        return f"nothing in {region} can be read, and its services do not fall back to the writer"
    if not platform.connects(state, region):
        return _elsewhere(platform, faults, state, region)
    return _no_writer(platform, faults, state, region)


def _stuck(platform: Platform, faults: frozenset[Fault], state: State, location: str, region: str) -> str:
    told = platform.configuration
    client = told.client
    record = platform.answer(state, location)
    if record is None:
        return f"{region} serves {location}, and no record leads there"
    if told.fronts and region not in told.fronts:
        return f"nothing is built in {region}, and clients are led there"
    service = platform.service(region)
    if service.desired_count == 0:
        return f"{region} has no task, and clients are led there"
    if service.cold:
        return f"{region} has no Redis, without which its services refuse to start, and clients are led there"
    if record.region != region and not client.honours_ttl and client.connection_age is None:
        return "clients neither honour the TTL nor limit the age of a connection: they stay on the dark address"
    others = [one for one in told.records if one.region != record.region]
    if record.routing == "simple":
        return f"the record of {record.region} is a simple one: Route 53 has nothing else to answer with"
    if record.routing == "failover" and not any(one.failover == "SECONDARY" for one in told.records):
        return "no SECONDARY record: Route 53 has nothing else to answer with"
    if not others:
        return f"only {record.region} has a record: Route 53 has nothing else to answer with"
    return _dark_answer(platform, faults, state, record)


def _dark_answer(platform: Platform, faults: frozenset[Fault], state: State, record: DnsRecord) -> str:
    """Route 53 answers with a region that does not serve, although others have records."""
    told = platform.configuration
    if record.failover == "PRIMARY" and platform.ill(state, record):
        return f"both unhealthy: Route 53 answers with the dark PRIMARY, {record.region}"
    if platform.ill(state, record):
        alive = [one.region for one in told.records if platform.front(faults, state, one.region)]
        rest = f", although {' and '.join(alive)} could be reached" if alive else ""
        return f"all records look unhealthy, so Route 53 counts all as healthy and answers with {record.region}{rest}"
    check = told.check(record.health_check)
    if check is None or check.disabled:
        return (
            f"the health check of {record.region}'s record {'is disabled' if check else 'is missing'}: Route 53 goes "
            "on answering with it when it is dark"
        )
    return f"Route 53 takes {record.region} for healthy: its check does not see what is wrong there"


def _elsewhere(platform: Platform, faults: frozenset[Fault], state: State, region: str) -> str:
    """The region's services have a database of their own that cannot take writes."""
    if not platform.reaches(faults, state, state.writer):
        return _no_writer(platform, faults, state, region)
    return f"clients are led to {region}, whose services name a database that takes no writes, and nothing promotes it"


def _no_writer(platform: Platform, faults: frozenset[Fault], state: State, region: str) -> str:
    told = platform.configuration
    database, automation = platform.database, told.automation
    home = state.writer
    if database is None:
        return "there is no database that takes writes"
    if platform.reaches(faults, state, home) and platform.apart(faults, region, home):
        return f"nothing passes between {region} and the writer's region, {home}, and the writer itself is well"
    here = not platform.lost(faults, home) and Fault("database dark", home) not in faults
    if here and not state.up and database.kind in ("single", "replica"):
        return "the writer has no standby in its region: nothing takes over when it stops"
    if not database.promotable_regions:
        return f"no database outside {home} can be promoted"
    if platform.choice(faults, state) is None:
        return f"no database outside {home} that could be promoted is left"
    if automation.kind == "none":
        return "nobody decides: nothing in the platform promotes the database"
    if Fault("automation silenced") in faults:
        return "nobody decides: the automation is silenced"
    if automation.kind == "operator":
        return "nobody decides: the person sees no reason to"
    if not platform.alarms:
        return f"the automation waits for the alarm {automation.alarm}, and there is none of that name"
    places = {one.region for one in platform.alarms}
    where = " and ".join(sorted(places))
    if all(platform.lost(faults, one) for one in places):
        return f"the automation waits for {automation.alarm}, an alarm in {where}, the region that fails"
    return f"the automation waits for {automation.alarm}, which does not ring in {where}"
