"""One way to call AWS: a client a service and region, bounded in time, its failures in our own words."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness.clock import monotonic_nanoseconds
from harness.cloud import failures, principals, trail

if TYPE_CHECKING:  # the dead man's switch has boto3, and not what reads target files
    from harness.target import Role

_LOG = logging.getLogger("gameday.cloud")

# Route 53 and Resource Groups live where they live; their clients are made once, in us-east-1.
GLOBAL_REGION = "us-east-1"
_TAGS = "resourcegroupstaggingapi"


@dataclass
class Cloud:
    """AWS as the harness reaches it: real AWS, or the twin by ``endpoint``; a call goes as the role meant for it.

    Every call is bounded (connect 2 s, read 10 s, three retries for throttling and transport only; on AWS adaptive
    ones, that slow down where somebody uses up the account's limits) and raises ``CloudFault`` with AWS's own code, or
    the code ``Unreachable``, or ``NoCredentials``. A role that cannot be assumed fails the call that needs it.
    Source: https://boto3.amazonaws.com/v1/documentation/api/latest/guide/retries.html
    """

    endpoint: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    purpose: str = "gameday"
    roles: tuple[Role, ...] = ()
    told: trail.Listener | None = None
    """Hears of every call as it ends, of each page of a paginated one too."""
    _arn: str = ""
    _clients: dict[tuple[str, str, Role | None], Any] = field(default_factory=dict)
    _sessions: dict[Role, boto3.Session] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self, service: str, region: str, operation: str, /, **parameters: Any) -> Mapping[str, Any]:
        """One call by botocore's method name, e.g. ``call("rds", "us-east-1", "describe_db_instances")``."""
        return self._call(self._role(service, region), service, region, operation, **parameters)

    def pages(self, service: str, region: str, operation: str, key: str, /, **parameters: Any) -> Iterator[Any]:
        """Every item under ``key`` of every page of a paginated call; tags are asked for in a region's accounts."""
        askers = self.askers(region) if service == _TAGS else (self._role(service, region),)
        try:
            for role in askers:
                for page in self._client(role, service, region).get_paginator(operation).paginate(**parameters):
                    yield from page.get(key, [])
        except (ClientError, BotoCoreError) as error:
            raise failures.fault(service, region, operation, error) from error

    def askers(self, region: str) -> tuple[Role | None, ...]:
        """Every role that calls to a region go as; ``None`` is our own credentials, where a service has no role."""
        named = ["", *(service for role in self.roles for service in role.services)]  # "": any that no role names
        return tuple(dict.fromkeys(self._role(service, region) for service in named))

    def account(self, region: str, role: Role | None) -> str:
        """The account that we are in as a role, or without one, by AWS's own word."""
        answer = self._call(role, "sts", region, "get_caller_identity")
        return str(answer["Account"])

    def _call(
        self, role: Role | None, service: str, region: str, operation: str, /, **parameters: Any
    ) -> Mapping[str, Any]:
        began = monotonic_nanoseconds()
        try:
            answer: Mapping[str, Any] = getattr(self._client(role, service, region), operation)(**parameters)
        except (ClientError, BotoCoreError) as error:
            raise failures.fault(service, region, operation, error) from error
        finally:
            _LOG.debug("%s.%s %s %.1f ms", service, operation, region, (monotonic_nanoseconds() - began) / 1e6)
        return answer

    def _role(self, service: str, region: str) -> Role | None:
        return principals.meant_for(self.roles, service, region)

    def _client(self, role: Role | None, service: str, region: str) -> Any:
        with self._lock:
            if (service, region, role) not in self._clients:
                self._clients[service, region, role] = self._made(role, service, region)
            return self._clients[service, region, role]

    def _made(self, role: Role | None, service: str, region: str) -> Any:
        if role is None:
            make: Any = functools.partial(boto3.client, **self._keys)
        else:
            if role not in self._sessions:
                self._sessions[role] = principals.assumed(role, self.purpose, self._keys, self._options, self._tell)
            make = self._sessions[role].client
        client = make(service, region_name=region, **self._options)
        trail.overhear(client, region, self._tell, role.arn if role else "")
        return client

    @property
    def _keys(self) -> dict[str, str | None]:
        return {"aws_access_key_id": self.access_key, "aws_secret_access_key": self.secret_key}

    @property
    def _options(self) -> dict[str, Any]:
        config = Config(
            connect_timeout=2,
            read_timeout=10,
            retries={"mode": "standard" if self.endpoint else "adaptive", "max_attempts": 3},
            user_agent_extra=f"gameday/{self.purpose}",
        )
        return {"endpoint_url": self.endpoint, "config": config}

    def caller(self, region: str) -> str:
        """Who our own credentials are, as an ARN; asked once, of STS in that region."""
        self._arn = self._arn or str(self._call(None, "sts", region, "get_caller_identity")["Arn"])
        return self._arn

    def _tell(self, call: trail.CallMade) -> None:
        if self.told is not None:
            self.told(call)
