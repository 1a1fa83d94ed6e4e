"""Events become jobs, jobs run: the processor, the workers and the indexer over real engines, and their faults."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from harness.clock import real_sleep, seconds
from harness.twin.automation import Automation
from harness.twin.schedule import Scheduler
from tests.twin.app_rig import (
    AS_WRITTEN,
    HARDENED,
    MATCHING,
    Rig,
    module_rig,
    needs_root,
    rig,
    wait,
)

pytestmark = needs_root
__all__ = ["module_rig", "rig"]


def test_an_event_runs_each_matching_trigger_once(rig: Rig) -> None:
    _, client = rig.gateway()
    client.sign_up()
    client.ask("POST", "/api/v1/triggers", MATCHING)
    for service in ("event-processor", "event-processor", "event-processor", "action-workers", "ponder-indexer"):
        rig.start(service)
    wait(lambda: rig.count("select count(*) from action_results") >= 8)
    assert rig.count("select max(n) from (select count(*) n from action_results group by job_id) x") == 1
    shown = client.ask("GET", "/api/v1/ponder/events?limit=1").data[0]
    assert shown["chain_id"] == 8453
    assert client.ask("GET", "/api/v1/ponder/status").data["synced"]


def test_two_processors_that_see_an_event_at_once_queue_it_twice_only_as_written(rig: Rig) -> None:
    _, client = rig.gateway()
    client.sign_up()
    client.ask("POST", "/api/v1/triggers", MATCHING)
    for plan, jobs in ((AS_WRITTEN, 2), (HARDENED, 1)):
        before = rig.queued()
        processors = [rig.start("event-processor", plan) for _ in range(2)]
        real_sleep(0.5)
        nobody_marks = "do $$ begin lock table processed_events in exclusive mode; perform pg_sleep(0.25); end $$"
        with ThreadPoolExecutor(1) as pool:
            held = pool.submit(rig.writer.sql, nobody_marks)
            real_sleep(0.1)
            rig.writer.sql("insert into events (chain_id, registry, block) values (8453, 'identity', 1)")
            held.result()
        wait(lambda: rig.count("select count(*) from processed_events") == 1)
        real_sleep(0.3)
        assert rig.queued() - before == jobs
        for processor in processors:
            processor.stop(seconds(10))
        rig.writer.sql("truncate events, processed_events")


def test_with_redis_away_marked_events_lose_their_jobs_only_as_written(rig: Rig) -> None:
    _, client = rig.gateway()
    client.sign_up()
    client.ask("POST", "/api/v1/triggers", MATCHING)
    for plan, queued in ((AS_WRITTEN, 0), (HARDENED, 1)):
        processor = rig.start("event-processor", plan)
        real_sleep(0.3)
        rig.redis.kill()
        rig.writer.sql("insert into events (chain_id, registry, block) values (8453, 'identity', 1)")
        real_sleep(0.5)
        assert rig.count("select count(*) from processed_events") == 1 - queued
        rig.redis.start()
        wait(lambda: rig.count("select count(*) from processed_events") == 1)
        real_sleep(0.3)
        assert rig.queued() == queued
        processor.stop(seconds(10))
        rig.writer.sql("truncate events, processed_events")


def test_a_killed_workers_job_comes_back_when_it_acknowledges(rig: Rig) -> None:
    rig.redis.kill()
    rig.redis.start()
    rig.writer.sql("insert into events (id, chain_id, registry, block) values (1, 8453, 'identity', 1)")
    _, client = rig.gateway()
    client.sign_up()
    client.ask("POST", "/api/v1/triggers", MATCHING)
    for plan, ran in ((AS_WRITTEN, 0), (HARDENED, 1)):
        rig.replica.freeze()
        worker = rig.start("action-workers", plan, writer=rig.replica.address)
        real_sleep(0.2)
        processor = rig.start("event-processor", plan)
        wait(lambda: rig.count("select count(*) from processed_events") == 1 and rig.queued() == 0)
        worker.kill()
        rig.replica.thaw()
        successor = rig.start("action-workers", plan)
        if ran:
            wait(lambda: rig.count("select count(*) from action_results") == 1, 8)
        real_sleep(0.5)
        assert rig.count("select count(*) from action_results") == ran
        for task in (processor, successor):
            task.stop(seconds(10))
        rig.writer.sql("truncate processed_events, action_results, executed_jobs")


def test_a_workers_lost_connection_is_made_again_only_when_hardened(rig: Rig) -> None:
    _, client = rig.gateway()
    client.sign_up()
    client.ask("POST", "/api/v1/triggers", MATCHING)
    for plan, ran in ((AS_WRITTEN, 0), (HARDENED, 1)):
        worker = rig.start("action-workers", plan)
        real_sleep(0.3)
        rig.redis.kill()
        rig.redis.start()
        processor = rig.start("event-processor")
        rig.writer.sql("insert into events (chain_id, registry, block) values (8453, 'identity', 1)")
        wait(lambda: rig.count("select count(*) from processed_events") == 1)
        real_sleep(0.8)
        assert rig.count("select count(*) from action_results where event_id = (select max(id) from events)") == ran
        assert worker.alive()
        worker.stop(seconds(10))
        processor.stop(seconds(10))
        rig.writer.sql("truncate events, processed_events, action_results, executed_jobs")


def test_a_worker_that_waits_long_for_a_job_runs_it_when_it_comes(rig: Rig) -> None:
    _, client = rig.gateway()
    client.sign_up()
    client.ask("POST", "/api/v1/triggers", MATCHING)
    rig.start("action-workers", AS_WRITTEN)
    real_sleep(3)  # one that loses its connection by waiting never gets it back
    rig.start("event-processor")
    rig.writer.sql("insert into events (chain_id, registry, block) values (8453, 'identity', 1)")
    wait(lambda: rig.count("select count(*) from action_results") == 1)


def test_the_elected_indexer_has_a_successor(rig: Rig) -> None:
    first = rig.start("ponder-indexer")
    wait(lambda: rig.count("select count(*) from events") >= 2)
    second = rig.start("ponder-indexer", preferred=False)
    first.freeze()
    seen = rig.count("select count(*) from events")
    wait(lambda: rig.count("select count(*) from events") > seen, 10)
    first.kill()
    assert first.exit_code() == -9
    second.stop(seconds(10))
    assert second.exit_code() == 0


class Metrics:
    def __init__(self) -> None:
        self.seen: list[tuple[str, float]] = []

    def publish(self, region: str, namespace: str, metric: str, dimensions: Any, value: float, **more: Any) -> None:
        assert (namespace, dimensions, more["high_resolution"]) == ("AgentAuri", {"Region": region}, True)
        self.seen.append((metric, value))

    def last(self, metric: str) -> float | None:
        return next((value for name, value in reversed(self.seen) if name == metric), None)


def test_heartbeats_measure_lag_and_reachability(rig: Rig) -> None:
    metrics, scheduler, up = Metrics(), Scheduler(rig.clock), [True]
    automation = Automation(
        rig.clock, scheduler, rig.network, rig.names, HARDENED, metrics, lambda *_: {}, lambda region: up[0]
    )
    automation.start()
    try:
        wait(lambda: metrics.last("WriterReachable") == 1.0 and (metrics.last("ReplicaHeartbeatLag") or 99) < 3)
        rig.replica.sql("select pg_wal_replay_pause()")
        wait(lambda: (metrics.last("ReplicaHeartbeatLag") or 0) > 10)
        rig.replica.sql("select pg_wal_replay_resume()")
        wait(lambda: (metrics.last("ReplicaHeartbeatLag") or 99) < 3)
        rig.writer.freeze()
        wait(lambda: metrics.last("WriterReachable") == 0.0)
        rig.writer.thaw()
        wait(lambda: metrics.last("WriterReachable") == 1.0)
        up[0] = False
        real_sleep(0.5)
        told = len(metrics.seen)
        real_sleep(1.2)
        assert len(metrics.seen) == told
    finally:
        automation.stop()
        scheduler.close()
