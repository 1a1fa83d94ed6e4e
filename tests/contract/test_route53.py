"""Route 53 as AWS SDKs meet it: boto3 against the front door."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

from harness.clock import Clock, seconds
from harness.twin import names
from harness.twin.api.front_door import FrontDoor
from harness.twin.api.route53.records import LOAD_BALANCER_ZONES
from harness.twin.api.route53.service import Route53
from harness.twin.designs.catalogue import design
from harness.twin.names import health_check_id
from harness.twin.schedule import Scheduler

SPEED = 50
CLOCK = Clock.start(SPEED)
DESIGN = design("active_active", "as_written")
ZONE = names.HOSTED_ZONE_ID
CHECK = health_check_id("api-us-east-1")


class Nowhere:
    @contextlib.contextmanager
    def inside(self, place: str) -> Iterator[None]:
        yield


class NoMetrics:
    def publish(self, *point: Any, **options: Any) -> None:
        return


@contextlib.contextmanager
def opened(clock: Clock, audit: Path) -> Iterator[str]:
    """A front door with nothing behind it but Route 53; its URL."""
    registry, scheduler = names.Names(), Scheduler(clock, 2)
    for region in DESIGN.regions:
        pointer = names.Pointer((f"10.{region.octet}.10.80",), ttl=60)
        registry.point(names.load_balancer_dns("agentauri-alb", region.name), pointer)
    service = Route53(clock, scheduler, Nowhere(), registry, NoMetrics(), DESIGN, lambda _: True, lambda *_: None)
    door = FrontDoor(clock, [service], audit, {})
    listening = socket.create_server(("127.0.0.1", 0))
    door.serve(listening)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    door.close()
    scheduler.close()


def client(door: str, attempts: int) -> Any:
    return boto3.client(
        "route53",
        region_name="us-east-1",
        endpoint_url=door,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
    )


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with opened(CLOCK, Path(tmp_path_factory.mktemp("audit")) / "audit.jsonl") as door:
        yield client(door, 5)


@pytest.fixture
def route53(patient: Any) -> Any:
    CLOCK.sleep(seconds(2))  # let the account's five requests a second refill
    return patient


def refused(call: Callable[[], object]) -> tuple[str, int]:
    with pytest.raises(ClientError) as refusal:
        call()
    answer = refusal.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def upsert(name: str, value: str = "10.0.0.1", action: str = "UPSERT", **fields: Any) -> dict[str, Any]:
    record = {"Name": name, "Type": "A", "TTL": 5, "ResourceRecords": [{"Value": value}], **fields}
    return {"Changes": [{"Action": action, "ResourceRecordSet": record}]}


def test_the_zone_is_found_by_list_by_name_and_by_id(route53: Any) -> None:
    assert [zone["Id"] for zone in route53.list_hosted_zones()["HostedZones"]] == [f"/hostedzone/{ZONE}"]
    found = route53.list_hosted_zones_by_name(DNSName="agentauri.example")
    assert found["HostedZones"][0]["Name"] == "agentauri.example."
    assert len(route53.get_hosted_zone(Id=ZONE)["DelegationSet"]["NameServers"]) == 4


def test_records_are_listed_in_awss_order_and_by_pages(route53: Any) -> None:
    pages = route53.get_paginator("list_resource_record_sets").paginate(
        HostedZoneId=ZONE, PaginationConfig={"PageSize": 2}
    )
    records = [record for page in pages for record in page["ResourceRecordSets"]]
    assert [(record["Name"], record["Type"]) for record in records[:2]] == [
        ("agentauri.example.", "NS"),
        ("agentauri.example.", "SOA"),
    ]
    latency = [record for record in records if "Region" in record]
    assert [record["SetIdentifier"] for record in latency] == ["ap-south-1", "eu-west-1", "us-east-1"]
    assert latency[2]["AliasTarget"]["HostedZoneId"] == LOAD_BALANCER_ZONES["us-east-1"]
    assert latency[2]["HealthCheckId"] == CHECK


def test_a_change_goes_from_pending_to_in_sync(route53: Any) -> None:
    change = route53.change_resource_record_sets(HostedZoneId=ZONE, ChangeBatch=upsert("a.agentauri.example"))
    assert change["ChangeInfo"]["Status"] == "PENDING"
    CLOCK.sleep(seconds(61))
    assert route53.get_change(Id=change["ChangeInfo"]["Id"])["ChangeInfo"]["Status"] == "INSYNC"
    answer = route53.test_dns_answer(HostedZoneId=ZONE, RecordName="a.agentauri.example", RecordType="A")
    assert (answer["RecordData"], answer["ResponseCode"]) == (["10.0.0.1"], "NOERROR")


def test_test_dns_answer_honours_resolver_and_client_subnet(route53: Any) -> None:
    def ask(**where: str) -> list[str]:
        data: list[str] = route53.test_dns_answer(
            HostedZoneId=ZONE, RecordName=names.API_HOST, RecordType="A", **where
        )["RecordData"]
        return data

    assert ask() == ["10.1.10.80"]
    assert ask(ResolverIP="10.2.0.2") == ["10.2.10.80"]
    assert ask(ResolverIP="10.2.0.2", EDNS0ClientSubnetIP="10.103.0.0") == ["10.3.10.80"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Failover": "PRIMARY", "SetIdentifier": "one"}, "InvalidChangeBatch"),
        ({"Failover": "PRIMARY"}, "InvalidInput"),
        ({"Region": "us-east-1", "SetIdentifier": "one", "HealthCheckId": "no"}, "NoSuchHealthCheck"),
        ({"TTL": 2**31}, "InvalidInput"),
        ({"SetIdentifier": "one"}, "InvalidInput"),
        ({"Region": "us-east-1", "Weight": 1, "SetIdentifier": "one"}, "InvalidInput"),
        ({"GeoLocation": {"ContinentCode": "XX"}, "SetIdentifier": "one"}, "InvalidInput"),
        ({"ResourceRecords": [{"Value": "10.0.0.1"}, {"Value": "10.0.0.1"}]}, "InvalidChangeBatch"),
        ({"ResourceRecords": [{"Value": "no address"}]}, "InvalidChangeBatch"),
        ({"Name": "b.elsewhere.example"}, "InvalidChangeBatch"),
        ({"Name": "agentauri.example", "Type": "CNAME", "ResourceRecords": [{"Value": "a.b"}]}, "InvalidChangeBatch"),
        ({"MultiValueAnswer": True, "SetIdentifier": "one"}, "NotImplementedByTwin"),
    ],
)
def test_refusals_reach_the_sdk_with_awss_codes(route53: Any, fields: dict[str, Any], code: str) -> None:
    batch = upsert(**{"name": "b.agentauri.example", **fields})
    change = {"HostedZoneId": ZONE, "ChangeBatch": batch}
    assert refused(lambda: route53.change_resource_record_sets(**change))[0] == code


def test_a_batch_that_fails_leaves_nothing_behind(route53: Any) -> None:
    batch = upsert("c.agentauri.example")
    batch["Changes"] += upsert("d.agentauri.example", action="DELETE")["Changes"]
    with pytest.raises(ClientError, match="but it was not found"):
        route53.change_resource_record_sets(HostedZoneId=ZONE, ChangeBatch=batch)
    listed = route53.list_resource_record_sets(HostedZoneId=ZONE)["ResourceRecordSets"]
    assert "c.agentauri.example." not in {record["Name"] for record in listed}


def test_two_primaries_are_refused_in_one_batch_and_in_two(route53: Any) -> None:
    def role(identifier: str) -> dict[str, Any]:
        fields = {"Failover": "PRIMARY", "SetIdentifier": identifier, "HealthCheckId": CHECK}
        return upsert("two.agentauri.example", action="CREATE", **fields)

    both = {"Changes": role("one")["Changes"] + role("two")["Changes"]}
    with pytest.raises(ClientError, match="PRIMARY already exists"):
        route53.change_resource_record_sets(HostedZoneId=ZONE, ChangeBatch=both)
    route53.change_resource_record_sets(HostedZoneId=ZONE, ChangeBatch=role("one"))
    with pytest.raises(ClientError, match="PRIMARY already exists"):
        route53.change_resource_record_sets(HostedZoneId=ZONE, ChangeBatch=role("two"))


def test_a_delete_must_name_the_record_as_it_is(route53: Any) -> None:
    name = "e.agentauri.example"
    route53.change_resource_record_sets(HostedZoneId=ZONE, ChangeBatch=upsert(name))
    with pytest.raises(ClientError, match="do not match the current values"):
        route53.change_resource_record_sets(HostedZoneId=ZONE, ChangeBatch=upsert(name, "10.0.0.2", "DELETE"))
    with pytest.raises(ClientError, match="already exists"):
        route53.change_resource_record_sets(HostedZoneId=ZONE, ChangeBatch=upsert(name, action="CREATE"))
    route53.change_resource_record_sets(HostedZoneId=ZONE, ChangeBatch=upsert(name, action="DELETE"))


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"DNSName": "nobody.us-east-1.elb.amazonaws.com"}, "that target was not found"),
        ({"HostedZoneId": LOAD_BALANCER_ZONES["eu-west-1"]}, "does not lie within the target zone"),
        ({"HostedZoneId": ZONE, "DNSName": "nobody.agentauri.example"}, "that target was not found"),
    ],
)
def test_an_alias_needs_a_target_that_exists(route53: Any, target: dict[str, str], words: str) -> None:
    elb = names.load_balancer_dns("agentauri-alb", "us-east-1")
    where = {"HostedZoneId": LOAD_BALANCER_ZONES["us-east-1"], "DNSName": elb, "EvaluateTargetHealth": True}
    record = {"Name": "f.agentauri.example", "Type": "A", "AliasTarget": {**where, **target}}
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    with pytest.raises(ClientError, match=words) as refusal:
        route53.change_resource_record_sets(HostedZoneId=ZONE, ChangeBatch=batch)
    assert refusal.value.response["Error"]["Code"] == "InvalidChangeBatch"


def test_unknown_ids_get_awss_codes(route53: Any) -> None:
    nobody = "00000000-0000-0000-0000-000000000000"
    assert refused(lambda: route53.get_hosted_zone(Id="Z0")) == ("NoSuchHostedZone", 404)
    assert refused(lambda: route53.list_resource_record_sets(HostedZoneId="Z0")) == ("NoSuchHostedZone", 404)
    assert refused(lambda: route53.get_change(Id="C0")) == ("NoSuchChange", 404)
    for operation in (
        route53.get_health_check,
        route53.get_health_check_status,
        route53.get_health_check_last_failure_reason,
        route53.update_health_check,
        route53.delete_health_check,
    ):
        CLOCK.sleep(seconds(0.2))
        assert refused(lambda operation=operation: operation(HealthCheckId=nobody)) == ("NoSuchHealthCheck", 404)
    tags = {"ResourceType": "healthcheck", "ResourceId": nobody}
    assert refused(lambda: route53.list_tags_for_resource(**tags)) == ("NoSuchHealthCheck", 404)


def test_bad_input_gets_awss_code(route53: Any) -> None:
    asked = {"HostedZoneId": ZONE, "RecordName": names.API_HOST, "RecordType": "A"}
    for call in (
        lambda: route53.list_resource_record_sets(HostedZoneId=ZONE, MaxItems="0"),
        lambda: route53.list_resource_record_sets(HostedZoneId=ZONE, StartRecordType="A"),
        lambda: route53.list_health_checks(MaxItems="many"),
        lambda: route53.list_health_checks(Marker="nowhere"),
        lambda: route53.test_dns_answer(**{**asked, "RecordName": "elsewhere.example"}),
        lambda: route53.test_dns_answer(**asked, ResolverIP="nowhere"),
        lambda: route53.test_dns_answer(**asked, EDNS0ClientSubnetIP="10.101.0.0", EDNS0ClientSubnetMask="999"),
        lambda: route53.change_tags_for_resource(
            ResourceType="hostedzone", ResourceId=ZONE, AddTags=[{"Key": f"k{n}", "Value": "v"} for n in range(10)]
        ),
    ):
        assert refused(call) == ("InvalidInput", 400)


def test_what_is_not_built_says_so(route53: Any) -> None:
    made = {"Name": "other.example", "CallerReference": "one"}
    assert refused(lambda: route53.create_hosted_zone(**made))[0] == "NotImplementedByTwin"


def test_a_caller_reference_makes_one_check(route53: Any) -> None:
    config = {"Type": "HTTP", "FullyQualifiedDomainName": "x.example"}
    first = route53.create_health_check(CallerReference="once", HealthCheckConfig=config)["HealthCheck"]
    again = route53.create_health_check(CallerReference="once", HealthCheckConfig=config)["HealthCheck"]
    assert again == first
    other = {**config, "FailureThreshold": 5}
    taken = ("HealthCheckAlreadyExists", 409)
    assert refused(lambda: route53.create_health_check(CallerReference="once", HealthCheckConfig=other)) == taken
    twin = route53.create_health_check(CallerReference="twice", HealthCheckConfig=config)["HealthCheck"]
    assert twin["Id"] != first["Id"]
    route53.delete_health_check(HealthCheckId=first["Id"])
    assert refused(lambda: route53.create_health_check(CallerReference="once", HealthCheckConfig=config)) == taken


def test_an_update_must_know_the_version_and_cannot_change_the_interval_or_the_kind_of_address(route53: Any) -> None:
    config = {"Type": "HTTP", "FullyQualifiedDomainName": "x.example", "RequestInterval": 30}
    made = route53.create_health_check(CallerReference="version", HealthCheckConfig=config)["HealthCheck"]
    check = {"HealthCheckId": made["Id"]}
    changed = route53.update_health_check(**check, HealthCheckVersion=1, FailureThreshold=2)["HealthCheck"]
    assert (changed["HealthCheckVersion"], changed["HealthCheckConfig"]["FailureThreshold"]) == (2, 2)
    stale = refused(lambda: route53.update_health_check(**check, HealthCheckVersion=1, FailureThreshold=3))
    assert stale == ("HealthCheckVersionMismatch", 409)
    with pytest.raises(ParamValidationError, match="RequestInterval"):
        route53.update_health_check(**check, RequestInterval=10)
    assert refused(lambda: route53.update_health_check(**check, IPAddress="10.0.0.1")) == ("InvalidInput", 400)
    kept = route53.get_health_check(**check)["HealthCheck"]
    assert (kept["HealthCheckVersion"], kept["HealthCheckConfig"]["RequestInterval"]) == (2, 30)


@pytest.mark.parametrize(
    "config",
    [
        {"Type": "HTTP"},
        {"Type": "HTTP", "IPAddress": "999.1.1.1"},
        {"Type": "HTTP", "FullyQualifiedDomainName": "x.example", "RequestInterval": 20},
        {"Type": "HTTP", "FullyQualifiedDomainName": "x.example", "SearchString": "x"},
        {"Type": "HTTP_STR_MATCH", "FullyQualifiedDomainName": "x.example"},
        {"Type": "TCP", "IPAddress": "10.0.0.1"},
        {"Type": "CALCULATED", "ChildHealthChecks": ["nobody"], "HealthThreshold": 1},
        {"Type": "CLOUDWATCH_METRIC", "AlarmIdentifier": {"Region": "us-east-1", "Name": "x"}},
    ],
)
def test_a_configuration_that_aws_refuses_is_invalid_input(route53: Any, config: dict[str, Any]) -> None:
    made = {"CallerReference": "never", "HealthCheckConfig": config}
    assert refused(lambda: route53.create_health_check(**made)) == ("InvalidInput", 400)


def test_a_check_can_be_deleted_though_a_record_names_it(route53: Any) -> None:
    config = {"Type": "HTTP", "FullyQualifiedDomainName": "x.example"}
    made = route53.create_health_check(CallerReference="named", HealthCheckConfig=config)["HealthCheck"]["Id"]
    fields = {"Region": "us-east-1", "SetIdentifier": "one", "HealthCheckId": made}
    route53.change_resource_record_sets(HostedZoneId=ZONE, ChangeBatch=upsert("g.agentauri.example", **fields))
    route53.delete_health_check(HealthCheckId=made)
    listed = route53.list_resource_record_sets(
        HostedZoneId=ZONE, StartRecordName="g.agentauri.example", StartRecordType="A", MaxItems="1"
    )["ResourceRecordSets"]
    assert listed[0]["HealthCheckId"] == made


def test_health_checks_are_listed_by_pages(route53: Any) -> None:
    whole = [check["Id"] for check in route53.list_health_checks()["HealthChecks"]]
    pages = route53.get_paginator("list_health_checks").paginate(PaginationConfig={"PageSize": 2})
    assert [check["Id"] for page in pages for check in page["HealthChecks"]] == whole
    assert len(whole) >= 3


def test_a_health_checks_life(route53: Any) -> None:
    config = {"Type": "HTTPS", "FullyQualifiedDomainName": "x.example", "RequestInterval": 10, "FailureThreshold": 2}
    made = route53.create_health_check(CallerReference="mine", HealthCheckConfig=config)["HealthCheck"]
    identifier = made["Id"]
    assert (made["HealthCheckConfig"]["Port"], made["HealthCheckVersion"]) == (443, 1)
    changed = route53.update_health_check(HealthCheckId=identifier, Inverted=True)["HealthCheck"]
    assert (changed["HealthCheckConfig"]["Inverted"], changed["HealthCheckVersion"]) == (True, 2)
    assert identifier in {check["Id"] for check in route53.list_health_checks()["HealthChecks"]}
    assert route53.get_health_check_status(HealthCheckId=identifier)["HealthCheckObservations"] == []
    route53.delete_health_check(HealthCheckId=identifier)
    with pytest.raises(ClientError) as refusal:
        route53.get_health_check(HealthCheckId=identifier)
    assert refusal.value.response["Error"]["Code"] == "NoSuchHealthCheck"


def test_the_designs_checks_keep_their_names(route53: Any) -> None:
    check = route53.get_health_check(HealthCheckId=CHECK)["HealthCheck"]
    assert check["CallerReference"] == "api-us-east-1"
    assert (check["HealthCheckConfig"]["RequestInterval"], check["HealthCheckConfig"]["FailureThreshold"]) == (30, 3)


def test_tags(route53: Any) -> None:
    def tags() -> dict[str, str]:
        listed = route53.list_tags_for_resource(ResourceType="healthcheck", ResourceId=CHECK)["ResourceTagSet"]["Tags"]
        return {tag["Key"]: tag["Value"] for tag in listed}

    assert tags()["gameday:allowed"] == "true"
    assert tags()["Name"] == "api-us-east-1"
    route53.change_tags_for_resource(
        ResourceType="healthcheck", ResourceId=CHECK, AddTags=[{"Key": "k", "Value": "v"}], RemoveTagKeys=["Name"]
    )
    assert tags()["k"] == "v"
    assert "Name" not in tags()
    many = route53.list_tags_for_resources(ResourceType="hostedzone", ResourceIds=[ZONE])["ResourceTagSets"]
    assert many[0]["ResourceId"] == ZONE


def test_the_sixth_request_in_a_second_is_throttled(tmp_path: Path) -> None:
    with opened(Clock.start(0.01), tmp_path / "audit.jsonl") as door:
        impatient = client(door, 1)
        for _ in range(5):
            impatient.list_hosted_zones()
        with pytest.raises(ClientError) as refusal:
            impatient.list_hosted_zones()
    answer = refusal.value.response
    assert (answer["Error"]["Code"], answer["Error"]["Message"]) == ("Throttling", "Rate exceeded")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
