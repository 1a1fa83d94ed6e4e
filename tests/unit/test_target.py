from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness import target
from harness.errors import BadInput, Refused

TWIN = Path(__file__).resolve().parents[2] / "targets" / "twin.toml"
STAGING = TWIN.with_name("staging.example.toml")
DNS = "arn:aws:iam::111111111111:role/gameday-dns"


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
        ("resources_at_once = 5", 'freeze_file = ""', "limits.freeze_file"),
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


def read(path: Path, text: str) -> target.Target:
    path.write_text(text)
    return target.load(path)


def roles(*tables: str) -> str:
    """Staging with these roles, all of them of a second account that it names."""
    text = STAGING.read_text().replace("accounts = []", 'accounts = ["111111111111"]')
    return text + "".join(f'\n[[roles]]\narn = "{DNS}"\n{table}\n' for table in tables)


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ("accounts = []", 'accounts = ["12"]', "target.accounts"),
        ('python = "/opt/gameday/.venv/bin/python"\n', "", "locations.0.python"),
        ('folder = "/opt/gameday"\n', "", "locations.0.folder"),
        ('folder = "/opt/gameday"', 'folder = "/opt/game day"', "locations.0.folder"),
        ('folder = "/opt/gameday"', 'folder = "gameday"', "locations.0.folder"),
        ("measured = false", 'python = "/usr/bin/python3"', "locations.1.python"),
        ("measured = false", 'folder = "/opt/gameday"', "locations.1.folder"),
        ("measured = false", 'measured = "now and then"', "locations.1.measured"),
        ("measured = false", 'nameserver = "dns.example.com"', "locations.1.nameserver"),
        ('region = "us-east-1"', 'region = "us-east-1"\nenter = ["ssh", "hand"]', "hands.0.python"),
        ("failback_time = 180", "fallback_time = 180", "objectives.active_passive.fallback_time"),
        ("failback_time = 180", "failback_time = -1", "objectives.active_passive.failback_time"),
        (
            "failback_time = 180",
            "[objectives.active_passive.x]\nlost_writes = 0.5",
            "objectives.active_passive.x.lost_w",
        ),
        ("[objectives.active_passive]\nfailback_time = 180", "[objectives]\nactive_passive = 3", "objectives.active_p"),
    ],
)
def test_bad_input_for_staging_names_the_file_and_the_field(tmp_path, before, after, field):
    text = STAGING.read_text()
    assert before in text
    with pytest.raises(BadInput) as caught:
        read(tmp_path / "t.toml", text.replace(before, after, 1))
    assert str(caught.value).startswith(f"{tmp_path / 't.toml'}: {field}")


@pytest.mark.parametrize(
    ("tables", "field"),
    [
        (['services = ["route-53"]'], "roles.0.services"),
        (['regions = "us-east-1"'], "roles.0.regions"),
        (["duration = 900"], "roles.0.duration"),
        (["", ""], "roles.1"),
        (['services = ["rds"]', 'regions = ["us-east-1"]'], "roles.1"),
        (['services = ["rds", "ec2"]', 'services = ["ecs"]', 'services = ["ec2"]'], "roles.2"),
    ],
)
def test_a_wrong_role_is_named(tmp_path, tables, field):
    with pytest.raises(BadInput) as caught:
        read(tmp_path / "t.toml", roles(*tables))
    assert caught.value.field == field


def test_a_role_of_an_account_that_nobody_named_is_refused(tmp_path):
    text = roles("").replace('accounts = ["111111111111"]', 'accounts = ["222222222222"]')
    with pytest.raises(BadInput, match=r"roles.0.arn: account 111111111111 is not named in target.accounts"):
        read(tmp_path / "t.toml", text)
    with pytest.raises(BadInput) as caught:
        read(tmp_path / "t.toml", text.replace(DNS, "arn:aws:iam::1:role/x"))
    assert caught.value.field == "roles.0.arn"


def test_roles_that_differ_in_how_much_they_name_are_no_contradiction(tmp_path):
    found = read(tmp_path / "t.toml", roles("", 'services = ["rds"]', 'services = ["rds"]\nregions = ["us-east-1"]'))
    assert [role.rank for role in found.roles] == [0, 1, 2]
    assert {role.account for role in found.roles} == {"111111111111"}


def test_load_that_only_claims_to_be_there_is_measured_nowhere():
    assert target.load(TWIN).unmeasured == ()
    assert target.load(STAGING).unmeasured == ("europe", "asia")


def test_unsaid_a_place_is_measured_where_a_way_leads_there(tmp_path):
    text = STAGING.read_text().replace("measured = false\n", "", 1)
    assert read(tmp_path / "t.toml", text).unmeasured == ("europe", "asia")
    own = STAGING.read_text().replace("measured = false", "measured = true", 1)
    assert read(tmp_path / "t.toml", own).unmeasured == ("asia",)


def test_only_who_is_not_there_tells_a_name_server_where_they_are():
    staging, twin = target.load(STAGING), target.load(TWIN)
    assert [staging.asks_as(place) for place in staging.locations] == ["", "198.51.100.0/24", "192.0.2.0/24"]
    assert {twin.asks_as(place) for place in twin.locations} == {""}


def test_another_machine_runs_its_own_interpreter_in_its_own_folder():
    there, here, _ = target.load(STAGING).locations
    assert there.interpreter()[-4:] == ("env", "-C", "/opt/gameday", "/opt/gameday/.venv/bin/python")
    assert there.elsewhere
    assert here.interpreter() == (sys.executable,)
    first = target.load(TWIN).locations[0]
    assert first.interpreter() == (*first.way, sys.executable)
    assert first.way[0] == sys.executable
    assert not first.elsewhere


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
