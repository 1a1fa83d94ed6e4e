"""A whole twin for the tests that need every service at once: started as a user does, in a home of its own."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from harness.twin import root
from harness.twin.state import State

REPOSITORY = Path(__file__).resolve().parents[2]
REGIONS = ("us-east-1", "eu-west-1", "ap-south-1")
_NO_FILES = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}


@dataclass(frozen=True)
class Whole:
    """A running twin and how to talk to it."""

    home: Path
    state: State

    @property
    def endpoint(self) -> str:
        """Where its AWS API listens."""
        return f"http://127.0.0.1:{self.state.api_port}"

    @property
    def trail(self) -> Path:
        """Its audit trail."""
        return self.home / ".twin" / "logs" / "audit.jsonl"

    def client(self, service: str, region: str = "us-east-1", *, attempts: int = 1, timeout: float = 60) -> Any:
        """A boto3 client."""
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": attempts}, max_pool_connections=16, read_timeout=timeout),
        )

    def environment(self) -> Mapping[str, str]:
        """The environment after ``eval "$(gameday twin env)"``, with this checkout's commands first on the path."""
        commands = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        base = {**os.environ, **_NO_FILES, "GAMEDAY_HOME": str(self.home), "PATH": commands}
        told = subprocess.run(["gameday", "twin", "env"], env=base, capture_output=True, text=True, check=True).stdout
        exports = (shlex.split(line)[1].partition("=") for line in told.splitlines())
        return base | {name: value for name, _, value in exports}


@contextmanager
def running(
    home: Path, *, design: str = "active_active", version: str = "hardened", speed: float = 20
) -> Iterator[Whole]:
    """A twin in ``home``; it is ended whatever happens."""
    state = root.launch(design, version, speed, home, root.BOOT_SECONDS)
    try:
        yield Whole(home, state)
    finally:
        root.shutdown(home)
