"""The calls about clusters, services and their task definitions.

Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.twin import names
from harness.twin.api.ecs import shapes
from harness.twin.api.ecs.cluster import Clusters, missing
from harness.twin.api.ecs.task import CLUSTER
from harness.twin.api.paging import page
from harness.twin.calls import AwsError, Call, Handler
from harness.twin.designs.model import AppBehaviour

_LARGEST_COUNT = 5
_MOST_SERVICES = 10
_UPDATABLE = {
    "cluster",
    "service",
    "desiredCount",
    "deploymentConfiguration",
    "forceNewDeployment",
    "healthCheckGracePeriodSeconds",
    "taskDefinition",
}


class ServiceCalls:
    """Handlers of clusters and services. ``tags`` gives the tags of an ARN, ``apps`` each region's behaviour."""

    def __init__(
        self,
        clusters: Clusters,
        tags: Callable[[str], Mapping[str, str]],
        apps: Mapping[str, AppBehaviour],
    ) -> None:
        self._clusters = clusters
        self._tags = tags
        self._apps = apps

    def handlers(self) -> Mapping[str, Handler]:
        """The operations by botocore's name."""
        return {
            "ListClusters": self._list_clusters,
            "DescribeClusters": self._describe_clusters,
            "ListServices": self._list_services,
            "DescribeServices": self._describe_services,
            "UpdateService": self._update_service,
            "DescribeTaskDefinition": self._describe_task_definition,
        }

    def _list_clusters(self, call: Call) -> Mapping[str, Any]:
        known = [shapes.cluster_arn(call.region)] if self._clusters.of(call.region) else []
        return paged("clusterArns", known, call)

    def _describe_clusters(self, call: Call) -> Mapping[str, Any]:
        found, failures = [], []
        for named in call.get("clusters") or ["default"]:
            if self._clusters.has(call.region, named):
                services = [fleet.snapshot() for fleet in self._clusters.of(call.region)]
                tags = self._tags(shapes.cluster_arn(call.region))
                found.append(shapes.cluster(call.region, services, call.get("include") or (), tags))
            else:
                failures.append(missing(named if ":" in named else names.arn("ecs", call.region, f"cluster/{named}")))
        return {"clusters": found, "failures": failures}

    def _list_services(self, call: Call) -> Mapping[str, Any]:
        fleets = self._clusters.fleets(call)
        fits = call.get("launchType", "FARGATE") == "FARGATE" and call.get("schedulingStrategy", "REPLICA") == "REPLICA"
        return paged("serviceArns", [shapes.service_arn(fleet.plan) for fleet in fleets if fits], call, 10)

    def _describe_services(self, call: Call) -> Mapping[str, Any]:
        wanted = call.get("services")
        if not wanted:
            raise AwsError("InvalidParameterException", "Services cannot be empty.")
        if len(wanted) > _MOST_SERVICES:
            raise AwsError("InvalidParameterException", f"Services cannot be more than {_MOST_SERVICES}.")
        known = {fleet.plan.name: fleet for fleet in self._clusters.fleets(call)}
        found, failures = [], []
        for named in wanted:
            fleet = known.get(named.rpartition("/")[2])
            if fleet and named in (fleet.plan.name, shapes.service_arn(fleet.plan)):
                tags = self._tags(shapes.service_arn(fleet.plan)) if "TAGS" in (call.get("include") or ()) else None
                found.append(shapes.service(fleet.snapshot(), tags))
            else:
                arn = names.arn("ecs", call.region, f"service/{CLUSTER}/{named}")
                failures.append(missing(named if ":" in named else arn))
        return {"services": found, "failures": failures}

    def _update_service(self, call: Call) -> Mapping[str, Any]:
        fleet = self._clusters.fleet(call, call.get("service"))
        unbuilt = set(call.parameters) - _UPDATABLE
        if unbuilt:
            raise AwsError("NotImplementedByTwin", f"UpdateService cannot change {', '.join(sorted(unbuilt))}.", 501)
        desired = call.get("desiredCount")
        if desired is not None and desired < 0:
            raise AwsError("InvalidParameterException", "desiredCount must not be negative.")
        if desired is not None and desired > _LARGEST_COUNT:
            raise AwsError("NotImplementedByTwin", f"The twin runs {_LARGEST_COUNT} tasks of a service.", 501)
        plan, definition = fleet.plan, call.get("taskDefinition")
        if definition not in (None, plan.name, f"{plan.name}:1", shapes.definition_arn(plan)):
            raise AwsError("ClientException", "TaskDefinition not found.")
        fleet.update(call.parameters)
        return {"service": shapes.service(fleet.snapshot(), None)}

    def _describe_task_definition(self, call: Call) -> Mapping[str, Any]:
        wanted = str(call.get("taskDefinition"))
        for fleet in self._clusters.of(call.region):
            arn = shapes.definition_arn(fleet.plan)
            if wanted in (fleet.plan.name, f"{fleet.plan.name}:1", arn):
                tags = {"tags": shapes.tag_list(self._tags(arn))} if "TAGS" in (call.get("include") or ()) else {}
                return {"taskDefinition": shapes.definition(fleet.plan, self._apps[call.region]), **tags}
        raise AwsError("ClientException", "Unable to describe task definition.")


def paged(member: str, arns: Sequence[str], call: Call, size: int = 100) -> Mapping[str, Any]:
    """One page of a list of ARNs; ``size`` is how many come when the caller does not say."""
    wanted = call.get("maxResults") or size
    if not 1 <= wanted <= 100:
        raise AwsError("InvalidParameterException", "maxResults must be between 1 and 100.")
    found, following = page(arns, call.get("nextToken"), wanted, error="InvalidParameterException")
    return {member: found, **({"nextToken": following} if following else {})}
