"""What the harness calls is valid and succeeds on a whole twin, and docs/aws knows of it: the short form.

``make policy`` carries out everything, on a twin of each design.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness.faults import Blackhole, Pause, Restart, Shrink, Stop
from harness.procedures import Drain, Return
from harness.script import Kind
from harness.topology import Cache, Database, LoadBalancer, Service, Tasks
from tests.aws_calls import acts
from tests.aws_calls.acts import Stage, on_twin
from tests.aws_calls.book import CALLS, Book
from tests.aws_calls.recorder import Recorder

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and /dev/net/tun"
)
QUICK = (
    Kind(Blackhole, LoadBalancer), Kind(Blackhole, Database), Kind(Blackhole, Cache), Kind(Stop, Tasks),
    Kind(Shrink, Service), Kind(Pause, Cache), Kind(Restart, Cache),
)  # fmt: skip


@pytest.fixture(scope="module")
def table():
    """The table's calls: who makes each, by service and operation."""
    calls = json.loads(CALLS.read_text())["calls"]
    return {(call["service"], call["operation"]): set(call["made_by"]) for call in calls}


def play(stage: Stage) -> None:
    acts.looks(stage)
    acts.watch(stage)
    acts.keep(stage)
    acts.look_back(stage)
    assert acts.inject(stage, acts.SILENCED) == ""
    with acts.nobody_decides(stage):
        for kind in QUICK:
            assert acts.inject(stage, kind) == ""
    for procedure in (Drain(stage.first), Return(stage.first)):
        acts.carry_out(stage, procedure)


def test_every_call_succeeds_and_is_in_the_table_under_who_made_it(tmp_path, table) -> None:
    heard = Recorder()
    with on_twin(tmp_path, "active_passive", "hardened", heard) as stage:
        play(stage)
    assert heard.failed == {}
    assert heard.nobody == set()
    told = Book({"active_passive hardened": heard}).to_json()
    for call in told["calls"]:
        key = (call["service"], call["operation"])
        assert key in heard.succeeded
        assert set(call["made_by"]) <= table.get(key, set()), f"{key}: run `make policy`"
    assert len(told["calls"]) > 30
