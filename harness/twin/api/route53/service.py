"""Route 53 of the twin: one hosted zone and its health checks, made from a design, behind AWS's API.

The control plane (the handlers) belongs to us-east-1, and the front door closes it with that region; the data plane
(answers and checkers) goes on whatever happens there, as AWS designed it:
https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/global-services.html
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence

from harness.clock import Clock, seconds
from harness.twin.api.route53.answers import Answer, AnswerLogic, RecordIndex, Surroundings
from harness.twin.api.route53.authority import Authority
from harness.twin.api.route53.checkers import Checkers, Insides, checkers_of
from harness.twin.api.route53.geography import Geography
from harness.twin.api.route53.health_calls import HealthCalls
from harness.twin.api.route53.health_checks import AlarmState, HealthChecks, Transition
from harness.twin.api.route53.propagation import Propagation
from harness.twin.api.route53.records import load_balancer_name
from harness.twin.api.route53.tag_calls import TagCalls
from harness.twin.api.route53.throttle import Throttle
from harness.twin.api.route53.zone_calls import ZoneCalls
from harness.twin.api.route53.zones import Zone, load_balancer_of, planned_zone
from harness.twin.calls import Call, Handler, MetricSink
from harness.twin.designs.model import Design
from harness.twin.names import Names, health_check_id
from harness.twin.schedule import Scheduler

_METRIC_PERIOD = seconds(60)
_ALARM_PERIOD = seconds(2)


class Route53:
    """The service. ``answer`` is the data plane; ``start`` sets the checkers going, ``stop`` ends them.

    ``target_health`` says by a load balancer's DNS name whether it has a healthy target; ``alarm_state`` a CloudWatch
    alarm's state by region and name, ``None`` when there is no such alarm. Neither may block.
    """

    name = "route53"

    def __init__(
        self,
        clock: Clock,
        scheduler: Scheduler,
        network: Insides,
        names: Names,
        metrics: MetricSink,
        design: Design,
        target_health: Callable[[str], bool],
        alarm_state: AlarmState,
    ) -> None:
        self._scheduler = scheduler
        self._throttle = Throttle(clock)
        self._design = design
        checkers = checkers_of(design)
        self.health = HealthChecks(clock, scheduler, metrics, alarm_state, [checker.region for checker in checkers])
        self._world = Surroundings(
            self.health.healthy,
            target_health,
            lambda name: _addresses(names, name),
            Geography.of(design),
            random.Random(f"route53-weights-{design.seed}").random,
        )
        zone = planned_zone(design, health_check_id)
        self._logic = AnswerLogic(RecordIndex(zone.name, zone.identifier, zone.records.values()), self._world)
        propagation = Propagation(clock, scheduler, self._serve, design.seed)
        resolver = f"10.{design.primary.octet}.0.2"
        self._zones = ZoneCalls(clock, zone, propagation, self.health, names, self.answer, resolver)
        self._tags = TagCalls(self._check_resource)
        authority = Authority(names, self)
        self.checkers = Checkers(clock, network, checkers, authority.resolve, self.health.observe)
        self.health.watch = self.checkers.watch
        self._seed(zone)
        calls = HealthCalls(self.health, checkers, lambda check: self._tags.forget("healthcheck", check))
        operations = {**self._zones.handlers(), **calls.handlers(), **self._tags.handlers()}
        self._handlers = {operation: self._throttled(handler) for operation, handler in operations.items()}

    @property
    def zone_name(self) -> str:
        """The hosted zone's name, without a final dot."""
        return self._zones.zone.name

    @property
    def transitions(self) -> Sequence[Transition]:
        """Every turn of a health check's status so far, in order."""
        return tuple(self.health.transitions)

    def start(self) -> None:
        """Begin to probe, and to publish AWS/Route53 metrics every 60 seconds."""
        self.checkers.start()
        self._scheduler.every(_METRIC_PERIOD, self.health.publish, "route53 metrics")
        self._scheduler.every(_ALARM_PERIOD, self.health.poll_alarms, "route53 alarm checks")

    def stop(self) -> None:
        """Probe nothing more."""
        self.checkers.stop()

    def answer(self, name: str, kind: str, client: str) -> Answer:
        """What the name servers say of a name in the zone (lower case, no final dot) to a client of that subnet."""
        return self._logic.answer(name, kind, client)

    def handlers(self) -> Mapping[str, Handler]:
        """The operations that are built, by botocore's name; each counts against five requests a second."""
        return self._handlers

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """ARN and tags of the zone and the checks; a global service's resources are listed in us-east-1."""
        return self._tags.all() if region == "us-east-1" else ()

    def _serve(self, zone: Zone) -> None:
        self._logic = AnswerLogic(RecordIndex(zone.name, zone.identifier, zone.records.values()), self._world)

    def _seed(self, zone: Zone) -> None:
        for plan in self._design.health_checks:
            config = {
                "Type": plan.protocol,
                "FullyQualifiedDomainName": load_balancer_of(self._design, plan.region),
                "Port": plan.port,
                "ResourcePath": plan.path,
                "RequestInterval": plan.interval,
                "FailureThreshold": plan.threshold,
            }
            check = self.health.create(plan.identifier, config, health_check_id(plan.identifier))
            self._tags.put("healthcheck", check.identifier, {**self._design.tags, "Name": plan.identifier})
        self._tags.put("hostedzone", zone.identifier, self._design.tags)

    def _check_resource(self, kind: str, identifier: str) -> None:
        if kind == "hostedzone":
            self._zones.check_zone(identifier)
        else:
            self.health.get(identifier)

    def _throttled(self, handler: Handler) -> Handler:
        def limited(call: Call) -> Mapping[str, object]:
            self._throttle.take()
            return handler(call)

        return limited


def _addresses(names: Names, name: str) -> tuple[str, ...]:
    pointer = names.lookup(load_balancer_name(name))
    return () if pointer is None else pointer.addresses
