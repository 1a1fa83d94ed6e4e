from __future__ import annotations

import pytest

from harness.clock import seconds
from harness.errors import BadInput
from harness.objectives import parse


def test_a_scenario_inherits_its_phase():
    table = parse("[p]\nrecovery_time = 30\n[p.s]\nlost_writes = 3\n", "o.toml")
    assert table["p.s"].recovery_time == seconds(30)
    assert table["p.s"].lost_writes == 3
    assert table["p"].lost_writes == 0


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[p]\nrecovry_time = 30", "p.recovry_time"),
        ("[p]\nrecovery_time = -1", "p.recovery_time"),
        ("[p]\nrecovery_time = 'x'", "p.recovery_time"),
        ("[p]\nsuccess_ratio = 1.5", "p.success_ratio"),
        ("[p.s]\nlost_writes = 1.5", "p.s.lost_writes"),
        ("[p]\nwrite_recovery_time = 300", "p.write_recovery_source"),
        ("p = 3", "p"),
        ("[p", "TOML"),
    ],
)
def test_bad_input_names_the_file_and_the_field(text, field):
    with pytest.raises(BadInput) as caught:
        parse(text, "o.toml")
    assert str(caught.value).startswith(f"o.toml: {field}: ")
