"""A service's deployments, its changeable settings, and its diary of events, as ECS keeps them.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
"""

from __future__ import annotations

import random
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from harness.clock import Duration, Instant, seconds
from harness.twin.calls import AwsError
from harness.twin.designs.model import EcsService

_LONGEST_GRACE = 2_147_483_647


@dataclass
class Deployment:
    """One rollout of a service, guarded by its fleet's lock; ``completed`` once its tasks are all there is."""

    created: Instant
    updated: Instant
    completed: bool = False
    failed: int = 0
    identifier: str = field(default_factory=lambda: f"ecs-svc/{random.randrange(10**18, 10**19)}")


@dataclass(frozen=True)
class Settings:
    """What UpdateService can change of a service besides its desired count."""

    minimum_percent: int
    maximum_percent: int
    grace: Duration | None
    """``None`` for a service without a load balancer, where AWS has no grace period."""

    @classmethod
    def of(cls, plan: EcsService) -> Settings:
        """What a design says; without a word a load-balanced service has no grace."""
        grace = seconds(0) if plan.load_balancer else None
        return cls(plan.minimum_healthy_percent, plan.maximum_percent, grace)

    def changed(self, wanted: Mapping[str, Any]) -> Settings:
        """These settings with the parameters of an UpdateService; raises ``AwsError`` as AWS refuses them."""
        deployment = wanted.get("deploymentConfiguration") or {}
        _check(deployment)
        new = replace(
            self,
            minimum_percent=deployment.get("minimumHealthyPercent", self.minimum_percent),
            maximum_percent=deployment.get("maximumPercent", self.maximum_percent),
        )
        if not 0 <= new.minimum_percent <= 100 or not new.maximum_percent >= 100:
            raise _invalid("minimumHealthyPercent must be between 0 and 100, maximumPercent at least 100.")
        if new.minimum_percent == new.maximum_percent == 100:
            raise _invalid(
                "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."
            )
        grace = wanted.get("healthCheckGracePeriodSeconds")
        if grace is None:
            return new
        if self.grace is None:
            raise _invalid("Health check grace period is only valid for services configured to use load balancers")
        if not 0 <= grace <= _LONGEST_GRACE:
            raise _invalid(f"healthCheckGracePeriodSeconds must be between 0 and {_LONGEST_GRACE}.")
        return replace(new, grace=seconds(grace))


@dataclass(frozen=True)
class Event:
    """One line of a service's diary."""

    at: Instant
    message: str
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))


class Diary:
    """The last hundred events of a service, the newest first; guarded by its fleet's lock."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._events: deque[Event] = deque(maxlen=100)

    def tell(self, at: Instant, message: str, *, task_set: str | None = None) -> None:
        """Write ``(service NAME) message``; ``task_set`` names the deployment, as AWS does when connections drain."""
        owner = f"(service {self._service}, taskSet {task_set})" if task_set else f"(service {self._service})"
        self._events.appendleft(Event(at, f"{owner} {message}"))

    def events(self) -> tuple[Event, ...]:
        """All of them."""
        return tuple(self._events)


def _check(deployment: Mapping[str, Any]) -> None:
    breaker = deployment.get("deploymentCircuitBreaker") or {}
    unbuilt = set(deployment) - {"minimumHealthyPercent", "maximumPercent", "deploymentCircuitBreaker", "strategy"}
    if unbuilt or breaker.get("enable") or deployment.get("strategy", "ROLLING") != "ROLLING":
        raise AwsError("NotImplementedByTwin", "The twin rolls deployments out without circuit breaker or alarms.", 501)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
