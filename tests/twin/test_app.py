"""The API's service over a real PostgreSQL pair and Redis, and its faults."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.clock import Clock, monotonic_nanoseconds, real_sleep, seconds
from harness.errors import TwinFault
from harness.twin.engines.apps import AppHost, TaskSpec
from tests.twin.app_rig import (
    APP,
    AS_WRITTEN,
    HARDENED,
    MATCHING,
    REGION,
    Client,
    Rig,
    accepts,
    module_rig,
    needs_root,
    rig,
    wait,
)

pytestmark = needs_root
__all__ = ["module_rig", "rig"]


def test_the_api_as_the_mission_has_it(rig: Rig) -> None:
    task, client = rig.gateway()
    session = client.sign_up()
    assert session["expires_in"] == 3600
    assert client.ask("GET", "/api/v1/auth/me").data["username"] == session["user"]["username"]
    renewed = client.ask("POST", "/api/v1/auth/refresh", {"refresh_token": session["refresh_token"]})
    assert renewed.data["token"]
    name = f"gd-{uuid.uuid4().hex}"
    wanted = {"name": name, "chain_id": 1, "registry": "reputation", "enabled": False}
    twice = [client.ask("POST", "/api/v1/triggers", wanted) for _ in range(2)]
    assert [reply.status for reply in twice] == [201, 201]
    assert twice[0].data["id"] != twice[1].data["id"]
    assert twice[0].headers["X-AgentAuri-Region"] == REGION
    assert rig.count(f"select count(*) from triggers where name = '{name}' and region = '{REGION}'") == 2
    listed = client.ask("GET", "/api/v1/triggers?limit=1&offset=1").data
    assert [row["id"] for row in listed] == [twice[0].data["id"]]
    path = f"/api/v1/triggers/{twice[0].data['id']}"
    assert client.ask("PUT", path, {**wanted, "name": "new"}).data["name"] == "new"
    assert client.ask("GET", path).data["name"] == "new"
    assert client.ask("DELETE", path).status == 200
    assert client.ask("GET", path).status == 404
    keys = f"/api/v1/organizations/{client.headers['X-Organization-ID']}/api-keys"
    assert client.ask("POST", keys, {"name": "k"}).data["key"].startswith("ak_")
    wait(lambda: client.ask("GET", keys + "/stats").data["total"] == 1)
    assert client.ask("GET", "/api/v1/ponder/events").body == {"data": []}
    assert set(client.ask("GET", "/nowhere").body) == {"error", "message"}
    began = monotonic_nanoseconds()
    task.stop(seconds(30))
    assert task.exit_code() == 0
    assert monotonic_nanoseconds() - began < 1e9


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/v1/triggers", {"name": "n", "chain_id": "1", "registry": "r"}, 400),
        ("POST", "/api/v1/triggers", {"name": "n\0", "chain_id": 1, "registry": "r"}, 400),
        ("POST", "/api/v1/triggers", {"name": "n", "chain_id": 1 << 40, "registry": "r"}, 400),
        ("POST", "/api/v1/triggers", ["no object"], 400),
        ("GET", "/api/v1/triggers?limit=many", None, 400),
        ("GET", "/api/v1/triggers/no-uuid", None, 404),
        ("GET", f"/api/v1/organizations/{uuid.UUID(int=0)}/api-keys", None, 403),
    ],
)
def test_nonsense_is_refused(rig: Rig, method: str, path: str, body: Any, status: int) -> None:
    _, client = rig.gateway()
    client.sign_up()
    reply = client.ask(method, path, body)
    assert reply.status == status
    assert set(reply.body) == {"error", "message"}


def test_a_region_with_its_own_secret_rejects_the_others_tokens(rig: Rig) -> None:
    _, here = rig.gateway()
    _, there = rig.gateway(jwt_secret="another")
    here.sign_up()
    there.headers = here.headers
    assert here.ask("GET", "/api/v1/auth/me").status == 200
    assert there.ask("GET", "/api/v1/auth/me").status == 401


def test_a_role_changed_behind_a_regions_cache_is_acted_on_until_its_entry_ends(rig: Rig) -> None:
    _, owner = rig.gateway()
    owner.sign_up()
    organization = owner.headers["X-Organization-ID"]
    member = Client(rig.network, owner.address)
    user = member.sign_up()["user"]["id"]
    path, mine = (f"/api/v1/organizations/{organization}/{what}" for what in (f"members/{user}", "membership"))
    assert member.ask("GET", mine).status == 403
    for role in ("member", "viewer"):
        assert owner.ask("PUT", path, {"role": role}).status == 200
        assert member.ask("GET", mine).data == {"role": role}
    assert owner.ask("PUT", path, {"role": "owner"}).status == 400
    assert member.ask("PUT", path, {"role": "admin"}).status == 403
    _, quick = rig.gateway(role_life_seconds=0.5)
    quick.headers = member.headers
    elsewhere = f"update memberships set role = 'admin' where user_id = '{user}' and role = 'viewer' returning role"
    assert len(rig.writer.sql(elsewhere)) == 1
    assert quick.ask("GET", mine).data == {"role": "viewer"}
    rig.redis.kill()
    rig.redis.start()
    wait(lambda: quick.ask("GET", mine).data == {"role": "admin"})
    assert len(rig.writer.sql(elsewhere.replace("admin", "member").replace("viewer", "admin"))) == 1
    wait(lambda: quick.ask("GET", mine).data == {"role": "member"})


def test_anonymous_callers_are_limited_and_fail_open(rig: Rig) -> None:
    _, client = rig.gateway()
    ask = lambda **headers: client.ask("GET", "/api/v1/ponder/events", **headers).status  # noqa: E731
    assert [ask(**{"X-Forwarded-For": "1.2.3.4"}) for _ in range(11)] == [200] * 10 + [429]
    assert ask(**{"X-Forwarded-For": "1.2.3.4", "X-Monitoring-Token": "any"}) == 200
    rig.redis.freeze()
    try:
        assert [ask(**{"X-Forwarded-For": "1.2.3.4"}) for _ in range(11)] == [200] * 10 + [429]
    finally:
        rig.redis.thaw()


@pytest.mark.parametrize(("plan", "expected", "slow"), [(AS_WRITTEN, 503, True), (HARDENED, 200, False)])
def test_health_with_a_dark_database(rig: Rig, plan: Any, expected: int, slow: bool) -> None:
    _, client = rig.gateway(plan, reads_fall_back=False)
    client.sign_up()
    rig.writer.freeze()
    try:
        began = rig.clock.now()
        assert client.ask("GET", "/api/v1/health").status == expected
        took = (rig.clock.now() - began).seconds
        assert (4.5 < took < 8) if slow else took < 2
        assert client.ask("GET", "/api/v1/auth/me").status == 401
        assert client.ask("GET", "/api/v1/triggers").status in (401, 503)
        told = client.ask("GET", "/api/v1/health").body["database"]
        assert told == "disconnected"
    finally:
        rig.writer.thaw()
    wait(lambda: client.ask("GET", "/api/v1/auth/me").status == 200)


def test_a_replica_that_is_away_shows_an_empty_list_unless_reads_fall_back(rig: Rig) -> None:
    rig.writer.sql("insert into events (chain_id, registry, block) values (8453, 'identity', 1)")
    _, alone = rig.gateway(reads_fall_back=False)
    _, falling_back = rig.gateway(reads_fall_back=True)

    def shown(client: Client) -> int:
        reply = client.ask("GET", "/api/v1/ponder/events", **{"X-Monitoring-Token": "any"})
        assert reply.status == 200
        return len(reply.data)

    wait(lambda: shown(alone) == 1)
    rig.replica.freeze()
    try:
        assert shown(alone) == 0
        assert shown(falling_back) == 1
    finally:
        rig.replica.thaw()


def test_only_reads_that_must_follow_leave_a_replica_that_was_promoted(rig: Rig) -> None:
    insert = "insert into events (chain_id, registry, block) values (8453, 'identity', 1)"
    rig.writer.sql(insert)
    _, trusting = rig.gateway(reader_must_follow=False)
    _, careful = rig.gateway(reader_must_follow=True)

    def shown(client: Client) -> int:
        return len(client.ask("GET", "/api/v1/ponder/events", **{"X-Monitoring-Token": "any"}).data)

    wait(lambda: shown(trusting) == shown(careful) == 1)
    rig.replica.promote()
    try:
        rig.writer.sql(insert)
        assert shown(trusting) == 1
        assert shown(careful) == 2
    finally:
        rig.replica.rebuild(rig.writer)
    wait(lambda: shown(trusting) == 2)


def test_select_1_passes_on_a_read_only_replica_and_writes_do_not(rig: Rig) -> None:
    _, client = rig.gateway(AS_WRITTEN)
    client.sign_up()
    wait(
        lambda: (
            client.ask("GET", f"/api/v1/organizations/{client.headers['X-Organization-ID']}/api-keys/stats").status
            == 200
        )
    )
    _, standby = rig.gateway(AS_WRITTEN, writer=rig.replica.address)
    standby.headers = client.headers
    assert standby.ask("GET", "/api/v1/health").status == 200
    assert standby.ask("POST", "/api/v1/triggers", MATCHING).status == 503


def test_the_pool_follows_the_endpoint(rig: Rig) -> None:
    _, client = rig.gateway()
    client.sign_up()
    rig.point(rig.replica.address, rig.replica.address)
    rig.writer.freeze()
    try:
        wait(lambda: client.ask("GET", "/api/v1/auth/me").status == 200)
        assert client.ask("POST", "/api/v1/triggers", MATCHING).status == 503
    finally:
        rig.writer.thaw()
        rig.point(rig.writer.address, rig.replica.address)
    wait(lambda: client.ask("POST", "/api/v1/triggers", MATCHING).status == 201)


def test_without_redis_only_the_hardened_start(rig: Rig) -> None:
    written = rig.start("api-gateway", AS_WRITTEN, cache=None)
    wait(lambda: not written.alive())
    assert written.exit_code() == 1
    _, client = rig.gateway(cache=None)
    client.sign_up()


def test_fifteen_tasks_start_fast_and_are_small(rig: Rig, record_property: Callable[[str, object], None]) -> None:
    services = ("api-gateway", "api-gateway", "event-processor", "action-workers", "ponder-indexer") * 3
    spans = []
    tasks = []
    for service in services:
        began = monotonic_nanoseconds()
        tasks.append(rig.start(service))
        spans.append((monotonic_nanoseconds() - began) / 1e9)
    wait(lambda: all(accepts(Client(rig.network, t.spec.address)) for t in tasks if t.spec.service == "api-gateway"))
    real_sleep(0.5)
    pids = [rig.apps.zygote_pid, *(task.pid for task in tasks)]
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    pss = sum(int(line.split()[1]) for text in rollups for line in text.splitlines() if line.startswith("Pss:")) / 1024
    record_property("pss_megabytes", pss)
    print(f"\n15 tasks and the zygote: {pss:.0f} MB PSS; slowest start {max(spans) * 1000:.0f} ms")
    assert max(spans) < 0.15
    assert pss < 150  # 117 to 133 were measured, as other Pythons share more or fewer of the library's pages


class Nowhere:
    def path(self, place: str) -> Path | None:
        return None

    def address(self, place: str, ip: str) -> None:
        return None

    def remove_address(self, place: str, ip: str) -> None:
        return None


def test_a_zygote_that_is_gone_is_told(tmp_path: Path) -> None:
    host = AppHost(Nowhere(), Clock.start(), tmp_path)
    spec = TaskSpec("api-gateway", "t", REGION, APP, "127.0.0.1", 1, {})
    with pytest.raises(TwinFault):
        host.start(spec)
    host.boot()
    task = host.start(spec)
    wait(lambda: not task.alive())
    assert task.exit_code() == 1
    assert "settings" in (tmp_path / "logs" / "api-gateway-t.log").read_text()
    host.stop()
    with pytest.raises(TwinFault):
        host.start(spec)
