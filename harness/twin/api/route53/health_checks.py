"""The health checks: what the API keeps of them, what the checkers saw, and which are healthy now."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from harness.clock import ZERO, Clock, Instant
from harness.twin.api.route53 import check_configs, observations
from harness.twin.api.route53.check_configs import Config, Endpoint
from harness.twin.api.route53.observations import Observation, Outcome
from harness.twin.calls import AwsError, MetricSink
from harness.twin.schedule import Scheduler

METRICS_REGION = "us-east-1"
"""Route 53 publishes its metrics in one region, whichever the endpoint's.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-health-checks.html
"""

AlarmState = Callable[[str, str], str | None]
"""A CloudWatch alarm's state by region and name: OK, ALARM or INSUFFICIENT_DATA; ``None`` when there is none."""


@dataclass(frozen=True)
class HealthCheck:
    """A health check as the API shows it."""

    identifier: str
    caller_reference: str
    config: Config
    version: int = 1

    def shape(self) -> dict[str, Any]:
        """botocore's ``HealthCheck``."""
        return {
            "Id": self.identifier,
            "CallerReference": self.caller_reference,
            "HealthCheckConfig": dict(self.config),
            "HealthCheckVersion": self.version,
        }


@dataclass(frozen=True)
class Transition:
    """A health check's status turned; ``name`` is the caller reference, ``percentage`` of checkers that are healthy."""

    at: Instant
    check: str
    name: str
    healthy: bool
    percentage: float


class HealthChecks:
    """Every health check of the account, and its status; thread-safe.

    ``watch(id, endpoint or None)`` is told whenever what the checkers must probe has changed.
    """

    def __init__(
        self,
        clock: Clock,
        scheduler: Scheduler,
        metrics: MetricSink,
        alarm_state: AlarmState,
        checker_regions: Sequence[str],
    ) -> None:
        self._clock = clock
        self._scheduler = scheduler
        self._metrics = metrics
        self._alarm_state = alarm_state
        self._checker_regions = tuple(checker_regions)
        self._lock = threading.RLock()
        self._checks: dict[str, HealthCheck] = {}
        self._retired: set[str] = set()
        self._seen: dict[str, dict[int, Observation]] = {}
        self._status: dict[str, bool] = {}
        self._alarms: dict[str, bool] = {}
        self._listeners: list[Callable[[Transition], object]] = []
        self.watch: Callable[[str, Endpoint | None], object] = lambda _check, _endpoint: None
        self.transitions: list[Transition] = []

    def listen(self, listener: Callable[[Transition], object]) -> None:
        """Call ``listener`` with every transition from now on, on a worker thread."""
        self._listeners.append(listener)

    # -- the API's view ------------------------------------------------------------------------------------------

    def all(self) -> Sequence[HealthCheck]:
        """Every check, by id."""
        with self._lock:
            return [self._checks[identifier] for identifier in sorted(self._checks)]

    def exists(self, identifier: str) -> bool:
        """Whether there is such a check."""
        return identifier in self._checks

    def get(self, identifier: str) -> HealthCheck:
        """A check by its id; raises ``NoSuchHealthCheck``."""
        check = self._checks.get(identifier)
        if check is None:
            raise AwsError("NoSuchHealthCheck", f"No health check exists with the specified ID {identifier}.", 404)
        return check

    def create(self, caller_reference: str, config: Config, identifier: str | None = None) -> HealthCheck:
        """Add a check, or give back the one that an equal call made; raises ``HealthCheckAlreadyExists``."""
        with self._lock:
            full = check_configs.created(config, self._kind)
            for check in self._checks.values():
                if check.caller_reference == caller_reference and check.config == full:
                    return check
            if caller_reference in self._retired | {check.caller_reference for check in self._checks.values()}:
                message = "A different health check has already been created with the specified caller reference."
                raise AwsError("HealthCheckAlreadyExists", message, 409)
            check = HealthCheck(identifier or str(uuid.uuid4()), caller_reference, full)
            self._checks[check.identifier] = check
            self._begin(check)
            return check

    def update(self, identifier: str, changes: Mapping[str, Any]) -> HealthCheck:
        """Change a check; raises ``HealthCheckVersionMismatch`` when the caller saw another version."""
        with self._lock:
            check = self.get(identifier)
            seen = changes.get("HealthCheckVersion")
            if seen is not None and seen != check.version:
                message = f"The version of the health check is {check.version}, not {seen}."
                raise AwsError("HealthCheckVersionMismatch", message, 409)
            config = check_configs.updated(check.config, changes, self._kind)
            new = replace(check, config=config, version=check.version + 1)
            self._checks[identifier] = new
            if identifier in self._seen:
                self._seen[identifier] = self._opinions(config, self._seen[identifier])
            if check_configs.endpoint(check.config) != check_configs.endpoint(config):
                self.watch(identifier, check_configs.endpoint(config))
            self._refresh(identifier)
            return new

    def delete(self, identifier: str) -> None:
        """Remove a check. Records that still name it count as healthy (AWS: their status cannot be predicted)."""
        with self._lock:
            self._retired.add(self.get(identifier).caller_reference)
            del self._checks[identifier]
            for table in (self._seen, self._status, self._alarms):
                table.pop(identifier, None)
            self.watch(identifier, None)

    def observations(self, identifier: str) -> Mapping[int, Observation]:
        """What each checker saw, by its index; empty for a check without an endpoint.

        Raises ``InvalidInput`` for a calculated check, whose status AWS shows in its console and metrics only.
        """
        with self._lock:
            if self.get(identifier).config["Type"] == "CALCULATED":
                raise AwsError("InvalidInput", f"The health check {identifier} is calculated: no checker observes it.")
            return dict(self._seen.get(identifier, {}))

    # -- health --------------------------------------------------------------------------------------------------

    def healthy(self, identifier: str) -> bool:
        """Whether a check is healthy now; an unknown one is."""
        return self._status.get(identifier, True)

    def observe(self, identifier: str, checker: int, outcome: Outcome) -> None:
        """Take in one probe's outcome; a probe of a check that is gone is ignored."""
        with self._lock:
            check = self._checks.get(identifier)
            seen = self._seen.get(identifier, {})
            if check is None or checker not in seen:
                return
            threshold = check.config.get("FailureThreshold", 1)
            seen[checker] = seen[checker].after(outcome, threshold, self._clock.now())
            self._refresh(identifier)

    def poll_alarms(self) -> None:
        """Look at the alarms that checks of type CLOUDWATCH_METRIC follow."""
        for check in self.all():
            if check.config["Type"] != "CLOUDWATCH_METRIC" or check.config["Disabled"]:
                continue
            alarm = check.config["AlarmIdentifier"]
            state = self._alarm_state(alarm["Region"], alarm["Name"])
            with self._lock:
                if check.identifier in self._checks:
                    self._alarms[check.identifier] = self._alarm_verdict(check, state)
                    self._refresh(check.identifier)

    def publish(self) -> None:
        """Publish AWS/Route53 metrics of every check: its status, and how many of its checkers or children are well."""
        for check in self.all():
            dimensions = {"HealthCheckId": check.identifier}
            values = [("HealthCheckStatus", float(self.healthy(check.identifier)), "None")]
            if check.config["Type"] in check_configs.ENDPOINT_TYPES and not check.config["Disabled"]:
                values.append(("HealthCheckPercentageHealthy", self._percentage(check.identifier), "Percent"))
            if check.config["Type"] == "CALCULATED":
                values.append(("ChildHealthCheckHealthyCount", float(self._healthy_children(check.config)), "None"))
            for metric, value, unit in values:
                self._metrics.publish(METRICS_REGION, "AWS/Route53", metric, dimensions, value, unit=unit)

    def _begin(self, check: HealthCheck) -> None:
        if check.config["Type"] in check_configs.ENDPOINT_TYPES:
            self._seen[check.identifier] = self._opinions(check.config, {})
        self._status[check.identifier] = self._verdict(check)
        self.watch(check.identifier, check_configs.endpoint(check.config))

    def _opinions(self, config: Config, known: Mapping[int, Observation]) -> dict[int, Observation]:
        """An opinion for each checker of the regions that were chosen (all, when none were)."""
        chosen = config.get("Regions")
        return {
            index: known.get(index, Observation())
            for index, region in enumerate(self._checker_regions)
            if not chosen or region in chosen
        }

    def _healthy_children(self, config: Config) -> int:
        return sum(self.healthy(child) for child in config["ChildHealthChecks"])

    def _kind(self, identifier: str) -> str | None:
        check = self._checks.get(identifier)
        return None if check is None else str(check.config["Type"])

    def _refresh(self, identifier: str) -> None:
        check = self._checks[identifier]
        verdict = self._verdict(check)
        if verdict == self._status[identifier]:
            return
        self._status[identifier] = verdict
        at, share = self._clock.now(), self._percentage(identifier)
        transition = Transition(at, identifier, check.caller_reference, verdict, share)
        self.transitions.append(transition)
        for listener in self._listeners:
            self._scheduler.later(ZERO, partial(listener, transition), "route53 health transition")
        for parent in list(self._checks.values()):
            if identifier in parent.config.get("ChildHealthChecks", ()):
                self._refresh(parent.identifier)

    def _verdict(self, check: HealthCheck) -> bool:
        config, identifier = check.config, check.identifier
        if config["Disabled"]:
            verdict = True
        elif config["Type"] == "CALCULATED":
            verdict = self._healthy_children(config) >= config["HealthThreshold"]
        elif config["Type"] == "CLOUDWATCH_METRIC":
            verdict = self._alarms.get(identifier, True)
        else:
            verdict = observations.is_healthy(self._seen[identifier].values())
        return verdict is not bool(config["Inverted"])

    def _alarm_verdict(self, check: HealthCheck, state: str | None) -> bool:
        if state in ("OK", "ALARM"):
            return state == "OK"
        missing = check.config["InsufficientDataHealthStatus"]
        if missing == "LastKnownStatus":
            return self._alarms.get(check.identifier, True)
        return bool(missing == "Healthy")

    def _percentage(self, identifier: str) -> float:
        with self._lock:
            return observations.percentage_healthy(self._seen.get(identifier, {}).values())
