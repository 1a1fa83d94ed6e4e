"""The blast radius: how many regions and resources stand broken at once, held against the target file's limits.

How resources are counted, by what discovery knows of them:

- a load balancer, the writer, a replica, a cache, an ECS service (or its tasks), the API's records, Route 53's control
  plane, the link between two regions: one each;
- the databases of a region: one for each DB instance in it;
- a zone: one, its subnets; a region: one for each zone in which it has subnets of ours. What stands in them goes dark
  with them and is not counted again: how many regions go dark is a limit of its own;
- the global cluster: one for each region's cluster in it; the automation: one for each region that it may act from.

Two faults on one and the same resource count it once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from harness.cloud import discovery
from harness.cloud.estate import Estate
from harness.errors import CloudFault, Refused
from harness.faults import Blackhole, Fault, Lose
from harness.target import Limits
from harness.topology import Automation, Database, GlobalCluster, LoadBalancer, Region, Tasks


class Radius:
    """What a scenario's faults have broken at this moment."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._standing: list[tuple[Fault, frozenset[str]]] = []

    @contextmanager
    def holding(self, fault: Fault) -> Iterator[None]:
        """This fault stands too until the block is left.

        Raises ``Refused`` before anything is touched when all together would be too much, or cannot be counted.
        """
        try:
            one = fault, touched(self._estate, fault)
        except CloudFault as error:
            raise Refused(f"what {fault.target} is made of cannot be told: {error.message}") from error
        check(self._estate.target.limits, [*self._standing, one])
        self._standing.append(one)
        try:
            yield
        finally:
            self._standing.remove(one)


def touched(estate: Estate, fault: Fault) -> frozenset[str]:
    """The resources that a fault touches, in words, counted as said above. Raises ``CloudFault``."""
    match fault.target:
        case Region(name):
            found = discovery.subnets(estate.cloud, estate.target, name)
            return frozenset(f"subnets of {item['AvailabilityZone']}" for item in found)
        case Database(region):
            seen = discovery.instances(estate.cloud, region.name)
            return frozenset(f"database {item.identifier} of {region}" for item in seen)
        case GlobalCluster():
            return frozenset(f"cluster {name} of {region}" for region, name in estate.platform.clusters.items())
        case Automation():
            return frozenset(f"{fault.target} of {region}" for region in estate.platform.regions)
        case Tasks(service):
            return frozenset({str(service)})
        case one:
            return frozenset({str(one)})


def check(limits: Limits, standing: Sequence[tuple[Fault, frozenset[str]]]) -> None:
    """Refuse more regions, or more resources, at once than the limits allow."""
    targets = [fault.target for fault, _ in standing if isinstance(fault, Blackhole | Lose)]
    dark = {target.name for target in targets if isinstance(target, Region)}
    dark |= {target.region.name for target in targets if isinstance(target, LoadBalancer)}
    if len(dark) > limits.regions_at_once:
        raise Refused(
            f"{len(dark)} regions at once ({', '.join(sorted(dark))}), "
            f"the target file allows {limits.regions_at_once}.",
            "Raise limits.regions_at_once, if that is meant.",
        )
    resources = frozenset[str]().union(*(found for _, found in standing))
    if len(resources) > limits.resources_at_once:
        raise Refused(
            f"{len(resources)} resources at once ({', '.join(sorted(resources))}), "
            f"the target file allows {limits.resources_at_once}.",
            "Raise limits.resources_at_once, if that is meant.",
        )
