"""A front door over the services of a stage, and boto3 clients of it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.clock import Clock
from harness.twin.api.front_door import FrontDoor
from harness.twin.calls import Service
from tests.twin.stage import Stage

REGION = "us-east-1"


def opened(stage: Stage, *services: Service) -> str:
    """The URL of a front door that answers for these services until the stage is taken down."""
    return stage.exits.enter_context(opening(stage.clock, stage.state, *services))


@contextmanager
def opening(clock: Clock, folder: Path, *services: Service) -> Iterator[str]:
    """The same without a stage, until the block is left; every call is in ``audit.jsonl`` of the folder."""
    door = FrontDoor(clock, services, folder / "audit.jsonl", {})
    listening = socket.create_server(("127.0.0.1", 0))
    door.serve(listening)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        door.close()


def client(url: str, service: str) -> Any:
    """A boto3 client that asks once."""
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )


def code(refused: ClientError) -> str:
    """AWS's code of a refusal."""
    return str(refused.response["Error"]["Code"])
