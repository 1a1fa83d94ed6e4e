"""An AWS endpoint that has what moto has, and no platform behind it; and the game days' table in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.clock import Clock
from harness.cloud.session import Cloud
from tests.contract.door import opening

REGION = "eu-central-1"


@contextmanager
def endpoint(folder: Path) -> Iterator[str]:
    """Its URL; every call is in ``audit.jsonl`` of the folder."""
    with opening(Clock.start(1), folder) as url:
        yield url


@contextmanager
def created(cloud: Cloud, table: str) -> Iterator[None]:
    """The table as ``infrastructure/dead_mans_switch`` makes it."""
    keys = ("Environment", "Item")
    cloud.call(
        "dynamodb",
        REGION,
        "create_table",
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
        KeySchema=[
            {"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, ("HASH", "RANGE"), strict=True)
        ],
    )
    try:
        yield
    finally:
        cloud.call("dynamodb", REGION, "delete_table", TableName=table)
