import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from harness.errors import BadInput
from loadtests.settings import LoadSettings, checked, order, ordered

PLAIN = {"host": "http://api.test", "location": "asia", "location_index": 2, "record": "r.bin"}


def test_an_order_brings_the_settings_themselves_and_the_token() -> None:
    settings = LoadSettings(**PLAIN, speed=10, rate_per_second=4, mix={"list_triggers": 1}, nameserver="10.1.0.2:53")
    line = order(settings, "t")
    assert "\n" not in line
    assert ordered(line.encode() + b"\n") == (settings, "t")


def test_the_file_that_is_kept_holds_the_settings_and_no_token(tmp_path: Path) -> None:
    settings = LoadSettings(**PLAIN)
    settings.save(tmp_path / "load.json")
    assert checked(json.loads((tmp_path / "load.json").read_text()), "kept") == settings


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"{", b"[]", b'"x"', b'{"settings": "x"}', b'{"settings": "x", "monitoring_token": ""}']
)
def test_what_is_no_order_is_refused(line: bytes) -> None:
    with pytest.raises(BadInput, match="order"):
        ordered(line)


def test_spans_and_rates_become_real_ones() -> None:
    settings = LoadSettings(**PLAIN, speed=10, rate_per_second=4, connection_age_seconds=20, deadline_seconds=8)
    assert (settings.real_rate, settings.real_connection_age, settings.real_deadline) == (40, 2, 0.8)


def test_no_speed_makes_the_deadline_shorter_than_the_kernel_needs() -> None:
    assert LoadSettings(**PLAIN, speed=60, deadline_seconds=5).real_deadline == 0.5


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"host": "api.test"}, "host"),
        ({"speed": 0}, "speed"),
        ({"rate_per_second": "many"}, "rate_per_second"),
        ({"rate_per_second": 51, "speed": 10}, "rate_per_second"),
        ({"ttl_policy": "forget"}, "ttl_policy"),
        ({"nameserver": "10.1.0.2"}, "nameserver"),
        ({"nameserver": "10.1.0.2:53,10.1.0.3"}, "nameserver"),
        ({"subnet": "203.0.113.0/24"}, "nameserver"),
        ({"subnet": "there", "nameserver": "10.1.0.2:53"}, "subnet"),
        ({"mix": {"drop_tables": 1}}, "mix.drop_tables"),
        ({"mix": {"list_triggers": 0}}, "mix"),
        ({"mix": 3}, "mix"),
        ({"record": 3}, "record"),
        ({"mix": {"list_triggers": -1}}, "mix.list_triggers"),
        ({"location_index": 256}, "location_index"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, object], field: str) -> None:
    with pytest.raises(BadInput, match=re.escape("the order: ")) as caught:
        checked(asdict(LoadSettings(**PLAIN)) | change, "the order")
    assert caught.value.field == field


def test_a_missing_field_is_named() -> None:
    with pytest.raises(BadInput, match="location: is missing"):
        checked({"host": "http://api.test"}, "the order")
