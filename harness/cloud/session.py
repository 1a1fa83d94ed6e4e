"""One way to call AWS: a client a service and region, bounded in time, its failures in our own words."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness.clock import monotonic_nanoseconds
from harness.errors import CloudFault

_LOG = logging.getLogger("gameday.cloud")

# Route 53 and Resource Groups live where they live; their clients are made once, in us-east-1.
GLOBAL_REGION = "us-east-1"


@dataclass
class Cloud:
    """AWS as the harness reaches it: real AWS, or the twin by ``endpoint``.

    Every call is bounded (connect 2 s, read 10 s, three attempts for throttling and transport only) and raises
    ``CloudFault`` with AWS's own code, or the code ``Unreachable``.
    """

    endpoint: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    purpose: str = "gameday"
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self, service: str, region: str, operation: str, /, **parameters: Any) -> Mapping[str, Any]:
        """One call by botocore's method name, e.g. ``call("rds", "us-east-1", "describe_db_instances")``."""
        began = monotonic_nanoseconds()
        try:
            answer: Mapping[str, Any] = getattr(self._client(service, region), operation)(**parameters)
        except ClientError as error:
            told = error.response.get("Error", {})
            raise CloudFault(f"{service}.{operation}", told.get("Code", "Unknown"), told.get("Message", "")) from error
        except BotoCoreError as error:
            raise CloudFault(f"{service}.{operation} in {region}", "Unreachable", str(error)) from error
        finally:
            _LOG.debug("%s.%s %s %.1f ms", service, operation, region, (monotonic_nanoseconds() - began) / 1e6)
        return answer

    def pages(self, service: str, region: str, operation: str, key: str, /, **parameters: Any) -> Iterator[Any]:
        """Every item under ``key`` of every page of a paginated call."""
        try:
            for page in self._client(service, region).get_paginator(operation).paginate(**parameters):
                yield from page.get(key, [])
        except ClientError as error:
            told = error.response.get("Error", {})
            raise CloudFault(f"{service}.{operation}", told.get("Code", "Unknown"), told.get("Message", "")) from error
        except BotoCoreError as error:
            raise CloudFault(f"{service}.{operation} in {region}", "Unreachable", str(error)) from error

    def _client(self, service: str, region: str) -> Any:
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = boto3.client(  # type: ignore[call-overload]
                    service,
                    region_name=region,
                    endpoint_url=self.endpoint,
                    aws_access_key_id=self.access_key,
                    aws_secret_access_key=self.secret_key,
                    config=Config(
                        connect_timeout=2,
                        read_timeout=10,
                        retries={"mode": "standard", "max_attempts": 3},
                        user_agent_extra=f"gameday/{self.purpose}",
                    ),
                )
            return self._clients[service, region]
