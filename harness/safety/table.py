"""An environment's lock and undo journal in DynamoDB, where every machine of a team and the account itself find them.

One table, in a region that no game day touches: partition key ``Environment``, sort key ``Item``, both texts. Item
``lock`` names who holds the environment and until when; ``undo#RUN#NUMBER`` is an armed act. An act is only taken in
while its run holds the lock, in one transaction, so that a run that lost it changes nothing more:
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
Leases are counted by wall clocks; the machines' may differ by much less than a lease.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from harness.clock import wall_seconds
from harness.cloud.session import Cloud
from harness.errors import Aborted, CloudFault, Refused
from harness.undo import Act, Armed

LOCK = "lock"
_UNDO = "undo#"
_LOG = logging.getLogger("gameday.table")
_TAKEN = "ConditionalCheckFailedException"
_CANCELLED = "TransactionCanceledException"


@dataclass(frozen=True)
class Holder:
    """Who holds an environment, and until when (seconds since the epoch, by the wall clock)."""

    name: str
    expires: int

    @property
    def expired(self) -> bool:
        """Whether the lease has run out."""
        return self.expires < wall_seconds()


@dataclass(frozen=True)
class Kept:
    """An act that some run armed and nobody has undone."""

    run: str
    armed: Armed


@dataclass(frozen=True)
class Table:
    """One environment's items in one table."""

    cloud: Cloud
    region: str
    name: str
    environment: str

    def holder(self) -> Holder | None:
        """Who holds the environment now, expired or not. Raises ``CloudFault``."""
        found = self._call("get_item", Key=self._key(LOCK), ConsistentRead=True).get("Item")
        return Holder(found["Holder"]["S"], int(found["Expires"]["N"])) if found else None

    @contextmanager
    def held(self, holder: str, lease_seconds: int) -> Iterator[Hold]:
        """Hold the environment. Raises ``Refused`` while somebody else does whose lease has not run out."""
        self._take(holder, lease_seconds)
        hold = Hold(self, holder, lease_seconds)
        try:
            yield hold
        finally:
            hold.release()

    def _take(self, holder: str, lease_seconds: int) -> None:
        now = wall_seconds()
        try:
            self._call(
                "put_item",
                Item={**self._key(LOCK), "Holder": {"S": holder}, "Expires": {"N": str(now + lease_seconds)}},
                ConditionExpression="attribute_not_exists(Holder) OR Expires < :now",
                ExpressionAttributeValues={":now": {"N": str(now)}},
            )
        except CloudFault as error:
            if error.code != _TAKEN:
                raise Refused(f"the lock of {self.environment} cannot be had: {error}") from error
            found = self.holder()
            who = f"{found.name}, for {found.expires - now} s more" if found else "somebody"
            raise Refused(f"another game day is running in {self.environment} ({who}).", "Wait for it.") from error

    def renew(self, holder: str, lease_seconds: int) -> None:
        """Hold it for so long from now. Raises ``CloudFault``, code ConditionalCheckFailedException when it is lost."""
        self._call(
            "update_item",
            Key=self._key(LOCK),
            UpdateExpression="SET Expires = :until",
            ConditionExpression="Holder = :me",
            ExpressionAttributeValues={
                ":until": {"N": str(wall_seconds() + lease_seconds)},
                ":me": {"S": holder},
            },
        )

    def release(self, holder: str) -> None:
        """Let it go; does nothing when it is another's by now. Raises ``CloudFault`` otherwise."""
        try:
            self._call(
                "delete_item",
                Key=self._key(LOCK),
                ConditionExpression="attribute_not_exists(Holder) OR Holder = :me",
                ExpressionAttributeValues={":me": {"S": holder}},
            )
        except CloudFault as error:
            if error.code != _TAKEN:
                raise

    def pending(self) -> list[Kept]:
        """What every run of the environment left to undo: the newest act of each run first. Raises ``CloudFault``."""
        found = self.cloud.pages(
            "dynamodb",
            self.region,
            "query",
            "Items",
            TableName=self.name,
            KeyConditionExpression="Environment = :here AND begins_with(#item, :undo)",
            ExpressionAttributeNames={"#item": "Item"},
            ExpressionAttributeValues={":here": {"S": self.environment}, ":undo": {"S": _UNDO}},
            ConsistentRead=True,
            ScanIndexForward=False,
        )
        return [_kept(item) for item in found]

    def arm(self, holder: str, run: str, armed: Armed) -> None:
        """Keep an act. Raises ``Aborted`` when the environment is no longer the holder's, ``CloudFault`` otherwise."""
        item = {
            **self._key(f"{_UNDO}{run}#{armed.number:06d}"),
            "Run": {"S": run},
            "Number": {"N": str(armed.number)},
            "Fault": {"S": armed.fault},
            "Act": {"S": json.dumps(asdict(armed.act))},
        }
        check = {
            "TableName": self.name,
            "Key": self._key(LOCK),
            "ConditionExpression": "Holder = :me AND Expires >= :now",
            "ExpressionAttributeValues": {":me": {"S": holder}, ":now": {"N": str(wall_seconds())}},
        }
        try:
            self.cloud.call(
                "dynamodb",
                self.region,
                "transact_write_items",
                TransactItems=[{"ConditionCheck": check}, {"Put": {"TableName": self.name, "Item": item}}],
            )
        except CloudFault as error:
            if error.code != _CANCELLED:
                raise
            raise Aborted(
                f"the lock of {self.environment} was lost: nothing more is changed.", "Look who has it now."
            ) from error

    def undone(self, run: str, number: int) -> None:
        """Keep an act no longer. Raises ``CloudFault``."""
        self._call("delete_item", Key=self._key(f"{_UNDO}{run}#{number:06d}"))

    def _key(self, item: str) -> dict[str, dict[str, str]]:
        return {"Environment": {"S": self.environment}, "Item": {"S": item}}

    def _call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        return self.cloud.call("dynamodb", self.region, operation, TableName=self.name, **parameters)


class Hold:
    """The environment is ours, renewed four times a lease, until it is released or lost."""

    def __init__(self, table: Table, holder: str, lease_seconds: int) -> None:
        self._table = table
        self._holder = holder
        self._lease_seconds = lease_seconds
        self._until = wall_seconds() + lease_seconds
        self._lost = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lock", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises ``Aborted`` when the environment is no longer ours, or nobody can tell."""
        if not self._lost and wall_seconds() > self._until:
            self._lost = "its lease ran out"
        if self._lost:
            raise Aborted(f"the lock of {self._table.environment} was lost: {self._lost}.", "Look who has it now.")

    def mirror(self, run: str) -> RunMirror:
        """Where that run's journal is kept as well."""
        return RunMirror(self._table, self._holder, run)

    def release(self) -> None:
        """Stop renewing and let it go; what AWS does not take back runs out by itself."""
        self._stop.set()
        self._thread.join()
        try:
            self._table.release(self._holder)
        except CloudFault as error:
            _LOG.warning("the lock of %s runs out by itself: %s", self._table.environment, error)

    def _renew(self) -> None:
        while not self._stop.wait(self._lease_seconds / 4):
            asked = wall_seconds()
            try:
                self._table.renew(self._holder, self._lease_seconds)
            except CloudFault as error:
                if error.code == _TAKEN:
                    self._lost = "somebody else holds it"
                    return
                _LOG.warning("the lock of %s is not renewed: %s", self._table.environment, error)
            else:
                self._until = asked + self._lease_seconds


@dataclass(frozen=True)
class RunMirror:
    """A run's journal in the table: the ``Mirror`` of :mod:`harness.undo`."""

    table: Table
    holder: str
    run: str

    def arm(self, armed: Armed) -> None:
        """Raises ``Aborted`` when the lock was lost, ``CloudFault`` when the table does not answer."""
        self.table.arm(self.holder, self.run, armed)

    def undone(self, armed: Armed) -> None:
        """Raises ``CloudFault``: then it stays pending there, and undoing it again does no harm."""
        self.table.undone(self.run, armed.number)


def _kept(item: Mapping[str, Any]) -> Kept:
    act = Act(**json.loads(item["Act"]["S"]))
    return Kept(item["Run"]["S"], Armed(int(item["Number"]["N"]), item["Fault"]["S"], act))
