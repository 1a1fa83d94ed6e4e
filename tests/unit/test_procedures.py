from __future__ import annotations

from harness import procedures
from harness.procedures import PROCEDURES, Drain, FailBack, Return, SwitchOver
from harness.runbooks import KNOWN
from harness.topology import Region


def test_each_has_its_name_and_its_steps():
    assert set(PROCEDURES) == {"promote-standby", "fail-over", "switch-over", "fail-back", "drain", "return"}
    assert set(PROCEDURES.values()) == set(KNOWN)
    assert procedures.title(FailBack(Region("us-east-1"))) == "fail-back us-east-1"
    assert procedures.name(SwitchOver) == "switch-over"


def test_only_what_is_about_clients_leaves_the_writer_where_it_is():
    assert {kind for kind in KNOWN if not procedures.moves_writer(kind)} == {Drain, Return}
