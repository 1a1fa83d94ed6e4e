"""When a scenario has changed the topology for the next one."""

from __future__ import annotations

from harness.clock import Instant
from harness.gameday import failed_over, moved_region
from harness.timeline import DatabaseEvent, WriterSeen

NOW = Instant(0)
FIRST = WriterSeen(NOW, "us-east-1", "agentauri-1")


def test_another_writer_is_a_failover_and_only_another_regions_has_moved():
    assert not failed_over([FIRST, FIRST])
    assert failed_over([FIRST, WriterSeen(NOW, "us-east-1", "agentauri-2")])
    assert not moved_region([FIRST, WriterSeen(NOW, "us-east-1", "agentauri-2")])
    elsewhere = [FIRST, WriterSeen(NOW, "eu-west-1", "agentauri-eu-1")]
    assert failed_over(elsewhere)
    assert moved_region(elsewhere)


def test_a_multi_az_instance_fails_over_under_its_own_name():
    told = DatabaseEvent(NOW, "agentauri-db", "us-east-1", "Multi-AZ instance failover completed", ("failover",))
    assert failed_over([FIRST, told])
    restarted = DatabaseEvent(NOW, "agentauri-db", "us-east-1", "DB instance restarted", ("availability",))
    assert not failed_over([FIRST, restarted])
