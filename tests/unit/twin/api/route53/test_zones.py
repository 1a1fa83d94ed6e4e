"""Change batches: all or nothing, and refused where AWS refuses."""

from __future__ import annotations

from typing import Any

import pytest

from harness.twin import names
from harness.twin.api.route53 import rules
from harness.twin.api.route53.records import LOAD_BALANCER_ZONES, RecordSet, order, record_set
from harness.twin.api.route53.zones import Zone, changes_of, planned_zone
from harness.twin.calls import AwsError
from harness.twin.designs.catalogue import NAMES, design
from harness.twin.designs.model import Version

ELB = names.load_balancer_dns("agentauri-alb", "us-east-1").lower()
US = LOAD_BALANCER_ZONES["us-east-1"]
ALIAS = {"HostedZoneId": US, "DNSName": ELB, "EvaluateTargetHealth": True}


@pytest.fixture
def zone() -> Zone:
    return planned_zone(design("active_passive", "hardened"), lambda identifier: f"id-of-{identifier}")


def change(action: str, name: str = "x.agentauri.example", kind: str = "A", **fields: Any) -> dict[str, Any]:
    if "AliasTarget" not in fields:
        fields = {"TTL": 10, "ResourceRecords": [{"Value": "10.0.0.1"}], **fields}
    fields = {key: value for key, value in fields.items() if value is not None}
    return {"Action": action, "ResourceRecordSet": {"Name": name, "Type": kind, **fields}}


def apply(zone: Zone, *changes: dict[str, Any]) -> Zone:
    return zone.changed(
        changes_of({"Changes": changes}),
        lambda check: check.startswith("id-of-"),
        lambda name: US if name == ELB else None,
    )


def values(*texts: str) -> list[dict[str, str]]:
    return [{"Value": text} for text in texts]


def test_a_design_becomes_records(zone: Zone) -> None:
    api = [record for record in sorted(zone.records.values(), key=order) if record.name == names.API_HOST]
    assert [(record.kind, record.failover, record.ttl, record.health_check) for record in api] == [
        ("CNAME", "PRIMARY", 10, "id-of-api-us-east-1"),
        ("CNAME", "SECONDARY", 10, None),
    ]
    written = planned_zone(design("active_active", "as_written"), lambda each: each)
    alias = written.records[names.API_HOST, "A", "ap-south-1"]
    assert alias.region == "ap-south-1"
    assert alias.alias is not None
    assert alias.alias.evaluate_target_health


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", ["as_written", "hardened"])
def test_every_design_is_a_zone_that_aws_would_accept(name: str, version: Version) -> None:
    seeded = planned_zone(design(name, version), lambda identifier: f"id-of-{identifier}")
    targets = {
        names.load_balancer_dns("agentauri-alb", region).lower(): zone for region, zone in LOAD_BALANCER_ZONES.items()
    }
    touched = [key[0] for key in seeded.records]
    assert rules.problems(seeded.name, seeded.identifier, seeded.records, touched, targets.get) == []


def test_a_record_survives_the_way_to_awss_shape_and_back(zone: Zone) -> None:
    for record in zone.records.values():
        assert record_set(record.shape()) == record


def test_a_batch_is_applied_as_a_whole(zone: Zone) -> None:
    after = apply(zone, change("CREATE"), change("UPSERT", "y.agentauri.example"))
    assert len(after.records) == len(zone.records) + 2
    assert after.records["x.agentauri.example", "A", None] == RecordSet("x.agentauri.example", "A", 10, ("10.0.0.1",))


def test_one_wrong_change_spoils_the_batch_and_every_problem_is_told(zone: Zone) -> None:
    with pytest.raises(AwsError) as refusal:
        apply(zone, change("CREATE"), change("DELETE", "n.agentauri.example"), change("DELETE", "m.agentauri.example"))
    assert refusal.value.code == "InvalidChangeBatch"
    assert "name='n.agentauri.example.', type='A'] but it was not found" in refusal.value.message
    assert "m.agentauri.example." in refusal.value.message
    assert ("x.agentauri.example", "A", None) not in zone.records


def test_primary_and_secondary_can_be_swapped_in_one_batch(zone: Zone) -> None:
    shapes = [record.shape() for record in zone.records.values() if record.failover]
    other = {"PRIMARY": "SECONDARY", "SECONDARY": "PRIMARY"}
    swapped = [
        {
            "Action": "UPSERT",
            "ResourceRecordSet": {**shape, "Failover": other[shape["Failover"]], "HealthCheckId": "id-of-x"},
        }
        for shape in shapes
    ]
    assert apply(zone, *swapped).records[names.API_HOST, "CNAME", "secondary"].failover == "PRIMARY"


def test_a_record_can_be_replaced_by_another_type_in_one_batch(zone: Zone) -> None:
    before = apply(zone, change("CREATE"))
    cname = change("CREATE", kind="CNAME", ResourceRecords=values("y.agentauri.example"))
    assert ("x.agentauri.example", "CNAME", None) in apply(before, change("DELETE"), cname).records


ROUTED = {"SetIdentifier": "one", "Failover": "PRIMARY", "HealthCheckId": "id-of-x"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([change("CREATE"), change("CREATE")], "invalid set of changes"),
        ([change("UPSERT", name="x.elsewhere.example")], "is not permitted in zone agentauri.example."),
        ([change("CREATE", "agentauri.example", "CNAME", ResourceRecords=values("a.b"))], "not permitted at apex"),
        ([change("CREATE", names.API_HOST)], "conflicting RRSet of type CNAME"),
        ([change("CREATE", kind="CNAME", ResourceRecords=values("a.b", "c.d"))], "exactly one value"),
        ([change("CREATE", ResourceRecords=values("300.1.1.1"))], "not a valid IPv4 address"),
        ([change("CREATE", ResourceRecords=values("10.0.0.1", "10.0.0.1"))], "Duplicate Resource Record"),
        ([change("CREATE", kind="CNAME", AliasTarget=ALIAS)], "target was not found"),
        ([change("CREATE", SetIdentifier="one", Failover="PRIMARY")], "must have an associated health check"),
        ([change("CREATE", **ROUTED), change("CREATE", **{**ROUTED, "SetIdentifier": "two"})], "value PRIMARY already"),
        ([change("CREATE", **ROUTED), change("CREATE")], "failover and simple"),
        (
            [change("CREATE", SetIdentifier=name, Region="eu-west-1") for name in ("one", "two")],
            "value eu-west-1 already exists",
        ),
        ([change("CREATE", AliasTarget={**ALIAS, "DNSName": "no.elb.amazonaws.com"})], "target was not found"),
        ([change("CREATE", AliasTarget={**ALIAS, "HostedZoneId": "Z1"})], "does not lie within the target zone"),
        ([change("CREATE", AliasTarget={**ALIAS, "HostedZoneId": names.HOSTED_ZONE_ID})], "does not lie within"),
        (
            [
                change(
                    "CREATE",
                    AliasTarget={**ALIAS, "HostedZoneId": names.HOSTED_ZONE_ID, "DNSName": "x.agentauri.example"},
                )
            ],
            "leads back to itself",
        ),
        ([change("DELETE", "agentauri.example", "SOA", TTL=900)], "do not match the current values"),
    ],
)
def test_aws_refuses(zone: Zone, changes: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(AwsError) as refusal:
        apply(zone, *changes)
    assert refusal.value.code == "InvalidChangeBatch"
    assert words in refusal.value.message


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"Failover": "PRIMARY"},
            "Missing field 'SetIdentifier' in Change with [Action=CREATE, Name=x.agentauri.example.",
        ),
        ({"SetIdentifier": "one"}, "Expected exactly one of [Weight"),
        ({"SetIdentifier": "one", "Region": "eu-west-1", "Failover": "PRIMARY"}, "found more than one"),
        ({"TTL": None}, "but found none in Change with"),
        ({"AliasTarget": ALIAS, "TTL": 5}, "but found more than one in Change with"),
        ({"TTL": -1}, "TTL must be between"),
        ({"GeoLocation": {}, "SetIdentifier": "one"}, "Expected exactly one of [ContinentCode, CountryCode]"),
        (
            {"GeoLocation": {"ContinentCode": "EU", "CountryCode": "IE"}, "SetIdentifier": "one"},
            "Expected exactly one of [ContinentCode, CountryCode]",
        ),
        ({"GeoLocation": {"ContinentCode": "XX"}, "SetIdentifier": "one"}, "XX is not a continent code"),
        ({"GeoLocation": {"CountryCode": "usa"}, "SetIdentifier": "one"}, "usa is not a country code"),
        (
            {"GeoLocation": {"CountryCode": "IE", "SubdivisionCode": "D"}, "SetIdentifier": "one"},
            "SubdivisionCode requires",
        ),
    ],
)
def test_contradictory_fields_are_invalid_input(zone: Zone, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(AwsError) as refusal:
        apply(zone, change("CREATE", **fields))
    assert refusal.value.code == "InvalidInput"
    assert words in refusal.value.message


def test_an_unknown_health_check_is_refused(zone: Zone) -> None:
    with pytest.raises(AwsError) as refusal:
        apply(zone, change("CREATE", HealthCheckId="nobody", SetIdentifier="one", Region="eu-west-1"))
    assert (refusal.value.code, refusal.value.status) == ("NoSuchHealthCheck", 404)


def test_what_is_not_built_says_so(zone: Zone) -> None:
    with pytest.raises(AwsError) as refusal:
        apply(zone, change("CREATE", MultiValueAnswer=True, SetIdentifier="one"))
    assert refusal.value.code == "NotImplementedByTwin"


def test_the_zone_keeps_its_start_of_authority(zone: Zone) -> None:
    for kind in ("SOA", "NS"):
        shape = zone.records[names.ZONE_NAME, kind, None].shape()
        with pytest.raises(AwsError, match="A HostedZone must contain"):
            apply(zone, {"Action": "DELETE", "ResourceRecordSet": shape})
