"""Records that route by geography: which ones, whom they lead where, and that they only go away when they are ours."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.cloud import undoing
from harness.cloud.carriers.geography import geolocated
from harness.cloud.configuration import ranked
from harness.errors import Refused, UndoFailed
from harness.faults import Geolocate
from harness.target import Place
from harness.topology import Records, Region
from harness.undo import Act

US, EU, AP = "us-east-1", "eu-west-1", "ap-south-1"
HOST = "api.example"
BALANCERS = {"us.elb": US, "eu.elb": EU, "ap.elb": AP}
PLACES = [
    Place(name=name, subnet="10.1.0.0/24", continent=code, nearest=(AP, EU, US))
    for name, code in (("america", "NA"), ("europe", "EU"), ("asia", "AS"))
]


def latency(name: str, region: str) -> dict[str, Any]:
    where = {"Name": f"{HOST}.", "Type": "CNAME", "TTL": 10, "ResourceRecords": [{"Value": name}]}
    return {**where, "SetIdentifier": region, "Region": region, "HealthCheckId": f"check-{region}"}


BEFORE = [latency(name, region) for name, region in BALANCERS.items()]
AFTER = geolocated(BEFORE, BALANCERS, Geolocate(Records(), {"EU": Region(EU)}, Region(US)))


def test_each_record_keeps_all_but_its_policy():
    assert [record["GeoLocation"] for record in AFTER] == [{"ContinentCode": "EU"}, {"CountryCode": "*"}]
    assert [record["HealthCheckId"] for record in AFTER] == [f"check-{EU}", f"check-{US}"]
    assert all("Region" not in record and record["TTL"] == 10 for record in AFTER)


def test_a_region_without_a_record_cannot_be_led_to():
    with pytest.raises(Refused, match="no record of the API leads to sa-east-1"):
        geolocated(BEFORE, BALANCERS, Geolocate(Records(), {}, Region("sa-east-1")))


def test_a_continent_without_a_record_gets_the_default_and_one_with_a_record_falls_back_to_it():
    assert ranked(AFTER, BALANCERS, PLACES) == {"america": (US,), "europe": (EU, US), "asia": (US,)}
    assert ranked(BEFORE, BALANCERS, PLACES)["asia"] == (AP, EU, US)


def test_a_region_that_is_built_should_serve_those_near_it_though_no_record_leads_there():
    missing = [record for record in BEFORE if record["Region"] != AP]
    astray = [*missing, {**latency("eu.elb", EU), "SetIdentifier": AP, "Region": AP}]
    for records in (missing, astray):
        assert ranked(records, BALANCERS, PLACES)["asia"] == (AP, EU, US)


class Zone:
    """A hosted zone that does as it is told."""

    def __init__(self, records: list[dict[str, Any]]) -> None:
        self.records = records

    def call(self, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        if operation == "change_resource_record_sets":
            for change in parameters["ChangeBatch"]["Changes"]:
                act = self.records.append if change["Action"] == "CREATE" else self.records.remove
                act(change["ResourceRecordSet"])
        return {"ResourceRecordSets": list(self.records)}


def test_the_way_back_puts_the_records_back_once_and_leaves_a_strangers_alone():
    zone = Zone(list(AFTER))
    reach: Any = SimpleNamespace(cloud=zone)
    before = sorted(BEFORE, key=lambda record: str(record["SetIdentifier"]))
    where = {"HostedZoneId": "Z1", "Host": HOST}
    act = Act("route53", US, "ChangeResourceRecordSets", {**where, "Records": before}, {"Records": AFTER})
    undoing.perform(reach, act)
    undoing.perform(reach, act)
    assert sorted(zone.records, key=lambda record: str(record["SetIdentifier"])) == before
    zone.records = zone.records[:1]
    with pytest.raises(UndoFailed, match="neither ours"):
        undoing.perform(reach, act)
