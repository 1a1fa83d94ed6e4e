"""The API's calls about health checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.clock import Instant
from harness.twin.api.paging import page
from harness.twin.api.route53.checkers import Checker
from harness.twin.api.route53.health_checks import HealthChecks
from harness.twin.api.route53.observations import Observation, Outcome
from harness.twin.calls import AwsError, Call, Handler

_MAXIMUM_ITEMS = 100


class HealthCalls:
    """Handlers of the health checks. ``forgotten`` is told the id of a check that was deleted."""

    def __init__(self, health: HealthChecks, checkers: Sequence[Checker], forgotten: Callable[[str], object]) -> None:
        self._health = health
        self._checkers = tuple(checkers)
        self._forgotten = forgotten

    def handlers(self) -> Mapping[str, Handler]:
        """The operations by botocore's name."""
        return {
            "CreateHealthCheck": self._create,
            "GetHealthCheck": self._get,
            "UpdateHealthCheck": self._update,
            "DeleteHealthCheck": self._delete,
            "ListHealthChecks": self._list,
            "GetHealthCheckStatus": self._status,
            "GetHealthCheckLastFailureReason": self._last_failure,
        }

    def _create(self, call: Call) -> Mapping[str, Any]:
        check = self._health.create(call.parameters["CallerReference"], call.parameters["HealthCheckConfig"])
        location = f"https://route53.amazonaws.com/2013-04-01/healthcheck/{check.identifier}"
        return {"HealthCheck": check.shape(), "Location": location}

    def _get(self, call: Call) -> Mapping[str, Any]:
        return {"HealthCheck": self._health.get(call.parameters["HealthCheckId"]).shape()}

    def _update(self, call: Call) -> Mapping[str, Any]:
        return {"HealthCheck": self._health.update(call.parameters["HealthCheckId"], call.parameters).shape()}

    def _delete(self, call: Call) -> Mapping[str, Any]:
        identifier = call.parameters["HealthCheckId"]
        self._health.delete(identifier)
        self._forgotten(identifier)
        return {}

    def _list(self, call: Call) -> Mapping[str, Any]:
        text = call.get("MaxItems")
        if text is not None and (not text.isdigit() or int(text) < 1):
            raise AwsError("InvalidInput", f"MaxItems must be a positive number, not {text!r}.")
        size = min(int(text or _MAXIMUM_ITEMS), _MAXIMUM_ITEMS)
        checks, following = page(self._health.all(), call.get("Marker") or None, size, error="InvalidInput")
        answer: dict[str, Any] = {
            "HealthChecks": [check.shape() for check in checks],
            "Marker": call.get("Marker") or "",
            "IsTruncated": following is not None,
            "MaxItems": str(size),
        }
        return answer | ({"NextMarker": following} if following else {})

    def _status(self, call: Call) -> Mapping[str, Any]:
        """What each checker saw last; a checker that has not probed yet is left out."""
        return self._told(call, lambda observation: (observation.last, observation.checked_at))

    def _last_failure(self, call: Call) -> Mapping[str, Any]:
        """What each checker saw when it last failed; a checker that never failed is left out."""
        return self._told(call, lambda observation: (observation.failure, observation.failed_at))

    def _told(
        self, call: Call, pick: Callable[[Observation], tuple[Outcome | None, Instant | None]]
    ) -> Mapping[str, Any]:
        told = []
        for index, observation in self._health.observations(call.parameters["HealthCheckId"]).items():
            outcome, at = pick(observation)
            if outcome is not None and at is not None:
                checker = self._checkers[index]
                report = {"Status": outcome.text, "CheckedTime": at.datetime}
                told.append({"Region": checker.region, "IPAddress": checker.address, "StatusReport": report})
        return {"HealthCheckObservations": told}
