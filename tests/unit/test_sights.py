"""What is not yet as somebody waits for it to be."""

from __future__ import annotations

from harness import sights
from harness.cloud.discovery import InstanceSeen
from harness.cloud.observation import AlarmSeen
from harness.probes.observers import Sight

NEAREST = {"america": ("us", "eu"), "asia": ("eu", "us")}


def alarm(state: str) -> AlarmSeen:
    return AlarmSeen("replica-lag-high", "eu", state, "AWS/RDS", "ReplicaLag", {}, 60, 60, 2, "")


def sight(state: str = "OK", **serving: str) -> Sight:
    return Sight(serving=serving, alarms={("eu", "replica-lag-high"): alarm(state)})


def test_where_clients_are_led():
    seen = sight(america="us", asia="eu")
    assert sights.away(seen, NEAREST) is None
    assert sights.away(sight(america="eu", asia="eu"), NEAREST) == "america is led to eu, not us"
    assert sights.led_elsewhere(seen, {"eu"}) == "america is led to us"
    assert sights.led_elsewhere(seen, {"eu", "us"}) is None
    assert sights.led_elsewhere(sight(america=""), {"us"}) == "america is led to nowhere"
    assert sights.led_to(seen, "us") == "america still led to us"
    assert sights.led_to(seen, "ap") is None


def test_clients_that_never_left_are_not_back_though_dns_leads_them_home():
    seen = Sight(
        serving={"america": "us", "asia": "eu"}, addresses={"us": ("10.1.10.80", "10.1.20.80"), "eu": ("10.2",)}
    )
    away = {"america": {"10.1.20.80", "10.2"}, "asia": {"10.2"}}
    assert sights.away(seen, NEAREST) is None
    assert sights.served_away(seen, away, NEAREST) == "america is still served by eu, not us"
    assert sights.served_away(seen, {**away, "america": {"10.1.20.80"}}, NEAREST) is None
    assert sights.served_away(seen, {"america": {"10.99"}, "asia": set()}, NEAREST) is None


def test_who_writes():
    seen = Sight(writer=InstanceSeen("db-1", "us", "db-1.example", "writer", "available", None, ""))
    assert sights.written_elsewhere(seen, "us") is None
    assert sights.written_elsewhere(seen, "eu") == "the writer is db-1"
    assert sights.written_elsewhere(Sight(), "eu") == "the writer is None"


def test_an_alarm_must_have_told_its_queue():
    seen = sight("ALARM")
    assert "has not arrived" in str(sights.alarm_is_not(seen, "replica-lag", "ALARM"))
    seen.notified.add(("eu", "replica-lag-high", "ALARM"))
    assert sights.alarm_is_not(seen, "replica-lag", "ALARM") is None
    assert "replica-lag-high in eu" in str(sights.alarm_is_not(seen, "replica-lag", "OK"))
    assert sights.alarm_is_not(seen, "nothing", "OK") == "no such alarm"


def test_of_alarms_in_several_regions_one_that_has_told_is_enough():
    seen = sight("OK")
    seen.alarms["us", "replica-lag-high"] = alarm("OK")
    assert "has not arrived" in str(sights.alarm_is_not(seen, "replica-lag", "OK"))
    seen.notified.add(("us", "replica-lag-high", "OK"))
    assert sights.alarm_is_not(seen, "replica-lag", "OK") is None
    assert "has not arrived" in str(sights.alarm_is_not(seen, "replica-lag", "OK", "eu"))
    assert sights.alarm_is_not(seen, "replica-lag", "OK", "ap") == "no such alarm"


def test_what_rings():
    assert sights.ringing(sight("OK")) is None
    assert sights.ringing(sight("ALARM")) == "alarm replica-lag-high in eu rings"
