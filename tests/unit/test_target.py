from __future__ import annotations

from pathlib import Path

import pytest

from harness import target
from harness.errors import BadInput, Refused

TWIN = Path(__file__).resolve().parents[2] / "targets" / "twin.toml"


def test_the_twins_target_is_sound():
    loaded = target.load(TWIN)
    assert [place.name for place in loaded.locations] == ["america", "europe", "asia"]


def test_the_example_for_staging_is_sound_and_is_nobodys():
    loaded = target.load(TWIN.with_name("staging.example.toml"))
    assert loaded.target.kind == "aws"
    assert loaded.target.account == "0" * 12
    assert loaded.api.monitoring_token_variable
    assert loaded.database.password_variable
    assert {place.nearest[0] for place in loaded.locations} == {hand.region for hand in loaded.hands}
    assert loaded.statements == target.load(TWIN).statements


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ('account = "123456789012"', 'account = "12"', "target.account"),
        ('kind = "twin"', 'kind = "gcp"', "target.kind"),
        ("port = 80", "port = 0", "api.port"),
        ("regions_at_once = 2", "regions_at_once = 0", "limits.regions_at_once"),
        ("[api]", "[apy]", "api"),
        ('subnet = "10.101.0.0/24"', 'subnet = "here"', "locations.0.subnet"),
        ("log_in =", "sign_in =", "statements"),
        ('"insert into triggers"', '" "', "statements"),
        ("[target]", "[target", "TOML"),
        ("resources_at_once = 4", 'freeze_file = ""', "limits.freeze_file"),
        ("[api]", '[[quiet]]\nfrom = "8:00"\nuntil = "18:00"\nzone = "UTC"\n[api]', "quiet.0.from"),
        ("[api]", '[[quiet]]\nfrom = "08:00"\nuntil = "24:30"\nzone = "UTC"\n[api]', "quiet.0.until"),
        ("[api]", '[[quiet]]\nfrom = "08:00"\nuntil = "18:00"\nzone = "Europe/Bonn"\n[api]', "quiet.0.zone"),
        ("[api]", '[[quiet]]\nfrom = "08:00"\nuntil = "18:00"\nzone = ""\n[api]', "quiet.0.zone"),
        ("[api]", '[[quiet]]\nfrom = "08:00"\nuntil = "08:00"\nzone = "UTC"\n[api]', "quiet.0"),
        ("[api]", '[[quiet]]\nfrom = "08:00"\nuntil = "18:00"\nzone = "UTC"\ndays = ["monday"]\n[api]', "quiet.0.days"),
        ("[api]", '[[quiet]]\nfrom = "08:00"\nuntil = "18:00"\nzone = "UTC"\ndays = []\n[api]', "quiet.0.days"),
        ("[api]", "[stop]\nerror_ratio = 1.5\n[api]", "stop.error_ratio"),
        ("[api]", "[stop]\nfor_seconds = 600\n[api]", "stop.for_seconds"),
        ("[api]", '[stop]\nfile = ""\n[api]', "stop.file"),
        ("[api]", "[stop]\nalarm = []\n[api]", "stop.alarm"),
    ],
)
def test_bad_input_names_the_file_and_the_field(tmp_path, before, after, field):
    text = TWIN.read_text()
    assert before in text
    path = tmp_path / "t.toml"
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(BadInput) as caught:
        target.load(path)
    assert str(caught.value).startswith((f"{path}: {field}: ", f"{path}: {field}."))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('environment = "twin"', 'environment = "production"'),
        ('name = "twin"', 'name = "Prod"'),
        ('project = "agentauri"', 'project = "agentauri-prod"'),
        ('host = "api.agentauri.example"', 'host = "api.production.example"'),
        ('name = "agentauri"', 'name = "agentauri_prd"'),
    ],
)
def test_production_is_never_a_target(tmp_path, before, after):
    path = tmp_path / "t.toml"
    text = TWIN.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(Refused, match="never a target"):
        target.load(path)


def test_quiet_hours_are_read_as_hours_that_can_be_asked(tmp_path):
    path = tmp_path / "t.toml"
    path.write_text(
        TWIN.read_text()
        + '[[quiet]]\nfrom = "22:30"\nuntil = "06:00"\nzone = "Europe/Berlin"\ndays = ["fri", "sat"]\n'
        + '[[quiet]]\nfrom = "00:00"\nuntil = "24:00"\nzone = "UTC"\ndays = ["sun"]\n'
    )
    told = [str(one.hours) for one in target.load(path).quiet]
    assert told == ["22:30 to 06:00 Europe/Berlin, fri, sat", "00:00 to 24:00 UTC, sun"]


def test_a_missing_file_is_told_by_name(tmp_path):
    with pytest.raises(BadInput, match=r"nowhere\.toml"):
        target.load(tmp_path / "nowhere.toml")
