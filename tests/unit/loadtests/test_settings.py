import json
from dataclasses import asdict
from pathlib import Path

import pytest

from harness.errors import BadInput
from loadtests.settings import LoadSettings, load, ordered

PLAIN = {"host": "http://api.test", "location": "asia", "location_index": 2, "record": "r.bin"}


def test_settings_survive_their_file(tmp_path: Path) -> None:
    settings = LoadSettings(**PLAIN, speed=10, rate_per_second=4, mix={"list_triggers": 1}, nameserver="10.1.0.2:53")
    settings.save(tmp_path / "load.json")
    assert load(tmp_path / "load.json") == settings


def test_an_order_names_the_settings_and_brings_the_token(tmp_path: Path) -> None:
    settings = LoadSettings(**PLAIN)
    settings.save(tmp_path / "load.json")
    order = {"settings": str(tmp_path / "load.json"), "monitoring_token": "t"}
    assert ordered(json.dumps(order).encode() + b"\n") == (settings, "t")


@pytest.mark.parametrize("line", [b"", b"\n", b"{", b"[]", b'"x"', b'{"settings": "x"}'])
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
        ({"mix": {"drop_tables": 1}}, "mix.drop_tables"),
        ({"mix": {"list_triggers": 0}}, "mix"),
        ({"mix": 3}, "mix"),
        ({"record": 3}, "record"),
        ({"mix": {"list_triggers": -1}}, "mix.list_triggers"),
        ({"location_index": 256}, "location_index"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, change: dict[str, object], field: str) -> None:
    path = tmp_path / "load.json"
    path.write_text(json.dumps(asdict(LoadSettings(**PLAIN)) | change))
    with pytest.raises(BadInput) as caught:
        load(path)
    assert caught.value.field == field
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_what_is_no_settings_file_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "load.json"
    path.write_text(text)
    with pytest.raises(BadInput, match="file"):
        load(path)


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    path = tmp_path / "load.json"
    path.write_text(json.dumps({"host": "http://api.test"}))
    with pytest.raises(BadInput, match="location: is missing"):
        load(path)
