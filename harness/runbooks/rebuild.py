"""RDS without a global database: the writer comes home by rebuilding the old primary as a replica of the new one.

Both instances keep their names, and with them their endpoints. Two tags keep what a crash must not lose: the rebuilt
primary's, that it is no stale one, and the desired counts of the services that are stopped meanwhile.
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReadRepl.XRgn.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.clock import Instant, minutes
from harness.cloud import discovery, orders, services
from harness.cloud.discovery import InstanceSeen
from harness.cloud.estate import Estate
from harness.cloud.orders import Order
from harness.errors import Refused
from harness.runbooks.step import Look, Step

MARK = "gameday:fail-back"
_SNAPSHOT = "fail-back-"
_WRITTEN = "select pg_current_wal_lsn()::text"
_APPLIED = "select pg_last_wal_replay_lsn() >= '{}'::pg_lsn"


@dataclass(frozen=True)
class Pair:
    """The instance of the home region and the other's, each ``None`` while it is not there."""

    home: InstanceSeen | None
    other: InstanceSeen | None
    marked: bool
    """The home instance is one that this runbook rebuilt."""

    @property
    def stale(self) -> bool:
        """Both stand alone, and home is the one that was written to before the failover."""
        return _alone(self.home) and _alone(self.other) and not self.marked

    @property
    def written_at_home(self) -> bool:
        """The home instance takes writes, and rightly so."""
        return _alone(self.home) and not self.stale

    def __str__(self) -> str:
        return ", ".join(_told(item) for item in (self.home, self.other) if item is not None)


def _alone(item: InstanceSeen | None) -> bool:
    return item is not None and item.role == "writer"


def _follows(item: InstanceSeen | None) -> bool:
    return item is not None and item.role == "replica"


def _told(item: InstanceSeen) -> str:
    part = "stands alone" if item.role == "writer" else "is a read replica"
    return f"{item.identifier} {part}, {item.status}"


class Rebuild:
    """The steps of one fail-back, and how each sees the world."""

    def __init__(self, estate: Estate, home: str) -> None:
        """Raises ``Refused`` unless there are two regions with an instance each, or with what one of them left."""
        others = [region.name for region in estate.platform.regions if region.name != home]
        if len(others) != 1:
            raise Refused("the writer has no home to go back to: that takes two regions with a database each.")
        self._estate = estate
        self._home, self._other = home, others[0]
        pair = self._pair()
        self._names = {
            region: item.identifier if item else self._left_behind(region)
            for region, item in ((self._home, pair.home), (self._other, pair.other))
        }

    def steps(self) -> tuple[Step, ...]:
        """In their order; each may be found done, or under way."""
        home, other = self._names[self._home], self._names[self._other]
        loss = f"writes that only {home} has are kept in its final snapshot alone; it comes back as Single-AZ"
        return (
            Step(f"Delete the old primary {home}, with a final snapshot", self._deleted_home, minutes(60),
                 lambda: self._delete(self._home), loss),
            Step(f"Create {home} again as a read replica of {other}", self._created_home, minutes(120),
                 lambda: self._create(self._home)),
            Step(f"Stop the services of {self._other}: nothing may be written while the writer moves",
                 self._stopped, minutes(10), self._stop, interrupts=True),
            Step(f"Wait until {home} has applied all that {other} wrote", self._synchronized, minutes(60)),
            Step(f"Promote the read replica {home}", self._promoted, minutes(30),
                 lambda: (orders.promote(self._home, home),), f"{home} never follows {other} again"),
            Step(f"Delete {other}, with a final snapshot", self._deleted_other, minutes(60),
                 lambda: self._delete(self._other), f"{other} is kept in its final snapshot alone"),
            Step(f"Create {other} again as a read replica of {home}", self._created_other, minutes(120),
                 lambda: self._create(self._other)),
            Step(f"Start the services of {self._other} again", self._started, minutes(10), self._start),
            Step("Take the mark off: the writer is home", self._unmarked, minutes(5), self._unmark),
        )  # fmt: skip

    def _pair(self) -> Pair:
        home, other = self._instance(self._home), self._instance(self._other)
        return Pair(home, other, home is not None and MARK in self._tags(home))

    def _instance(self, region: str) -> InstanceSeen | None:
        seen = discovery.instances(self._estate.cloud, region)
        if len(seen) > 1 or any(item.cluster for item in seen):
            raise Refused(f"{region} has {len(seen)} DB instances or a cluster: which one is meant cannot be told.")
        return seen[0] if seen else None

    def _tags(self, item: InstanceSeen) -> set[str]:
        found = self._estate.cloud.call(
            "rds", item.region, "describe_db_instances", DBInstanceIdentifier=item.identifier
        )
        return {tag["Key"] for tag in found["DBInstances"][0].get("TagList", ())}

    def _left_behind(self, region: str) -> str:
        """The name of an instance that is deleted, and not made again yet: its final snapshot has it."""
        found = [
            item
            for item in self._estate.cloud.pages("rds", region, "describe_db_snapshots", "DBSnapshots")
            if item["DBSnapshotIdentifier"].startswith(_SNAPSHOT)
        ]
        if not found:
            raise Refused(f"{region} has no DB instance, and none that this runbook deleted.")
        return str(max(found, key=lambda item: item["InstanceCreateTime"])["DBInstanceIdentifier"])

    def _deleted_home(self) -> Look:
        pair = self._pair()
        going = pair.home is not None and pair.home.status == "deleting"
        return Look.of(not pair.stale and not going, str(pair), under_way=going)

    def _created_home(self) -> Look:
        pair = self._pair()
        ready = pair.home is not None and pair.home.status == "available" and not pair.stale
        return Look.of(ready, str(pair), under_way=pair.home is not None and not pair.stale)

    def _stopped(self) -> Look:
        pair = self._pair()
        running = [each for each in services.of_region(self._estate, self._other) if each.desired or each.running]
        told = ", ".join(f"{each.name} {each.desired}" for each in running) or "none is desired, none runs"
        return Look.of(not running or pair.written_at_home, told, under_way=not any(e.desired for e in running))

    def _synchronized(self) -> Look:
        pair = self._pair()
        if pair.written_at_home or pair.home is None or pair.other is None:
            return Look.of(pair.written_at_home, str(pair))
        written = self._estate.hand(self._other).sql(pair.other.endpoint, _WRITTEN)[0][0]
        applied = self._estate.hand(self._home).sql(pair.home.endpoint, _APPLIED.format(written))[0][0]
        return Look.of(bool(applied), f"{pair.home.identifier} has {'' if applied else 'not '}applied {written}")

    def _promoted(self) -> Look:
        pair = self._pair()
        status = pair.home.status if pair.home else ""
        return Look.of(pair.written_at_home and status == "available", str(pair), under_way=status == "modifying")

    def _deleted_other(self) -> Look:
        pair = self._pair()
        going = pair.other is not None and pair.other.status == "deleting"
        return Look.of(not _alone(pair.other), str(pair), under_way=going)

    def _created_other(self) -> Look:
        pair = self._pair()
        ready = _follows(pair.other) and pair.other is not None and pair.other.status == "available"
        return Look.of(ready, str(pair), under_way=_follows(pair.other))

    def _started(self) -> Look:
        waiting = [each for each in services.of_region(self._estate, self._other) if each.remembered is not None]
        return Look.of(not waiting, ", ".join(each.name for each in waiting) or "each has the tasks it had")

    def _unmarked(self) -> Look:
        pair = self._pair()
        return Look.of(not pair.marked, f"{pair}{', marked' if pair.marked else ''}")

    def _delete(self, region: str) -> tuple[Order, ...]:
        name = self._names[region]
        found = self._estate.cloud.call("rds", region, "describe_db_instances", DBInstanceIdentifier=name)
        born = Instant.of(found["DBInstances"][0]["InstanceCreateTime"]).nanoseconds // 1_000_000_000
        return (orders.delete_instance(region, name, f"{_SNAPSHOT}{name}-{born}"),)

    def _create(self, region: str) -> tuple[Order, ...]:
        source = self._other if region == self._home else self._home
        found = self._estate.cloud.call(
            "rds", source, "describe_db_instances", DBInstanceIdentifier=self._names[source]
        )["DBInstances"][0]
        tags = {tag["Key"]: tag["Value"] for tag in found.get("TagList", ()) if tag["Key"] != MARK}
        tags |= {MARK: "rebuilt"} if region == self._home else {}
        return (orders.create_replica(region, self._names[region], str(found["DBInstanceArn"]), tags),)

    def _stop(self) -> tuple[Order, ...]:
        return tuple(self._each_stopped())

    def _each_stopped(self) -> Iterator[Order]:
        for each in services.of_region(self._estate, self._other):
            if each.desired:
                yield services.remember(each)
                yield orders.set_desired(each.region, each.cluster, each.arn, 0)

    def _start(self) -> tuple[Order, ...]:
        return tuple(self._each_started())

    def _each_started(self) -> Iterator[Order]:
        for each in services.of_region(self._estate, self._other):
            if each.remembered is not None:
                yield orders.set_desired(each.region, each.cluster, each.arn, each.remembered)
                yield services.forget(each)

    def _unmark(self) -> tuple[Order, ...]:
        name = self._names[self._home]
        found = self._estate.cloud.call("rds", self._home, "describe_db_instances", DBInstanceIdentifier=name)
        arn = str(found["DBInstances"][0]["DBInstanceArn"])
        return (Order("rds", self._home, "remove_tags_from_resource", {"ResourceName": arn, "TagKeys": [MARK]}),)
