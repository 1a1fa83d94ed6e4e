"""One AWS call as the twin's services see it: decoded and validated; and AWS's way to say no."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from harness.clock import Instant


@dataclass(frozen=True)
class Call:
    """A validated call. ``parameters`` has botocore's input shape (its member names, Python values)."""

    service: str
    operation: str
    region: str
    caller: str
    parameters: Mapping[str, Any]
    at: Instant

    def get(self, name: str, default: Any = None) -> Any:
        """One parameter."""
        return self.parameters.get(name, default)


class AwsError(Exception):
    """An error answer with AWS's code, message and HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


Handler = Callable[[Call], Mapping[str, Any]]
"""Answers in botocore's output shape; datetimes are aware (``Instant.datetime``). Raises ``AwsError``."""


class Service(Protocol):
    """One AWS service of the twin. It guards its own state with its own lock, never held while a process starts."""

    @property
    def name(self) -> str:
        """botocore's name of the service, e.g. ``rds``."""

    def handlers(self) -> Mapping[str, Handler]:
        """The operations that are built, by botocore's operation name; anything else is NotImplementedByTwin."""

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """ARN and tags of every resource in a region, for the tagging API."""


class MetricSink(Protocol):
    """Where the twin's own services publish what AWS would publish itself."""

    def publish(
        self,
        region: str,
        namespace: str,
        metric: str,
        dimensions: Mapping[str, str],
        value: float,
        *,
        at: Instant | None = None,
        unit: str = "None",
        high_resolution: bool = False,
    ) -> None:
        """Add one datapoint at ``at`` (default: now)."""
