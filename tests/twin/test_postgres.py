"""The PostgreSQL node on real servers, on loopback addresses of its own."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from harness.clock import monotonic_nanoseconds, real_sleep
from harness.errors import TwinFault
from harness.twin.engines import postgres_template
from harness.twin.engines.postgres import PostgresNode

SCHEMA = Path(postgres_template.__file__).parents[1] / "app" / "schema.sql"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="starts servers as another user")


class Loopback:
    """Every place is this machine's loopback."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs

    def inside(self, place: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def spawn(
        self, name: str, place: str, command: Sequence[str], *, user: str | None = None
    ) -> subprocess.Popen[bytes]:
        with (self._logs / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                postgres_template.as_postgres(*command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    path = Path(f"/dev/shm/gameday-postgres-{os.getpid()}")
    path.mkdir(mode=0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def template(folder: Path) -> Path:
    return postgres_template.prepare(folder / "cache", SCHEMA)


@pytest.fixture
def nodes(folder: Path, template: Path) -> Iterator[list[PostgresNode]]:
    made = []
    for number in range(3):
        name = f"node{number}"
        data = folder / "data" / name
        shutil.rmtree(data, ignore_errors=True)
        addresses = f"127.77.{number}.100", f"127.77.{number}.200"
        made.append(PostgresNode(Loopback(folder), name, "here", *addresses, data, logging.getLogger("test")))
        made[-1].create(template)
    try:
        yield made
    finally:
        for node in made:
            node.quit()


def replicated(nodes: list[PostgresNode]) -> tuple[PostgresNode, PostgresNode, PostgresNode]:
    first, second, third = nodes
    first.start()
    for standby in (second, third):
        standby.start_standby(first)
    for standby in (second, third):
        standby.wait_until_streaming()
    return first, second, third


def write(node: PostgresNode, event: int) -> None:
    node.sql("insert into heartbeat(region, beat) values ($1, 0)", (event,))


def written(node: PostgresNode) -> set[int]:
    return {row[0] for row in node.sql("select region::int from heartbeat")}


def test_the_template_is_made_once(folder: Path, template: Path) -> None:
    began = monotonic_nanoseconds()
    assert postgres_template.prepare(folder / "cache", SCHEMA) == template
    assert monotonic_nanoseconds() - began < 50_000_000
    assert [path.name for path in (folder / "cache").iterdir()] == [template.name]


def test_parameters_become_values_and_come_back_typed(nodes: list[PostgresNode]) -> None:
    nodes[0].start()
    assert nodes[0].sql("select $1::int + 1, $2::text, $3::bool", (41, "a'b", None)) == [(42, "a'b", None)]
    assert nodes[0].role() == "primary"
    with pytest.raises(TwinFault, match="no_such_table"):
        nodes[0].sql("select * from no_such_table")


def test_the_readback_role_reads_and_pauses_replay_but_does_not_write(nodes: list[PostgresNode]) -> None:
    _, standby, _ = replicated(nodes)
    with standby.session(role="gameday") as session:
        assert session.query("select count(*) from triggers") == [(0,)]
        session.query("select pg_wal_replay_pause()")
        session.query("select pg_wal_replay_resume()")
    with nodes[0].session(role="gameday") as session, pytest.raises(TwinFault, match="permission denied"):
        session.query("delete from triggers")


def test_the_readback_role_counts_the_statements_of_others_on_a_standby_too(nodes: list[PostgresNode]) -> None:
    _, standby, _ = replicated(nodes)
    asked = "select count(*) from events where block > $1"
    count = "select coalesce(sum(calls), 0)::int from pg_stat_statements where query = $1"
    with standby.session(role="gameday") as session, standby.session(role="agentauri") as application:
        assert session.query(count, (asked,)) == [(0,)]
        for block in range(3):
            application.query(asked, (block,))
        assert session.query(count, (asked,)) == [(3,)]
        assert session.query("select dealloc::int, stats_reset is not null from pg_stat_statements_info") == [(0, True)]


def test_a_promoted_synchronous_standby_has_every_acknowledged_row(nodes: list[PostgresNode]) -> None:
    first, second, third = replicated(nodes)
    first.set_parameters({"synchronous_standby_names": 'FIRST 1 ("node1")'})
    acknowledged: set[int] = set()

    def load() -> None:
        with contextlib.suppress(TwinFault), first.session() as session:
            for event in range(100_000):
                session.query("insert into heartbeat(region, beat) values ($1, 0)", (event,))
                acknowledged.add(event)

    writer = threading.Thread(target=load)
    writer.start()
    real_sleep(0.3)
    first.kill()
    writer.join(5)
    assert not first.alive
    began = monotonic_nanoseconds()
    second.promote()
    assert (monotonic_nanoseconds() - began) / 1e9 < 1
    write(second, -1)
    assert len(acknowledged) > 20
    assert acknowledged <= written(second)
    if third.beyond(second):
        third.rebuild(second)
    else:
        third.follow(second)
    third.wait_until_streaming()
    first.rebuild(second)
    first.wait_until_streaming()
    write(second, -2)
    for standby in (first, third):
        until(lambda standby=standby: {-1, -2} <= written(standby))
        assert standby.role() == "standby"


def test_nodes_on_a_dead_branch_are_known_and_rewound(nodes: list[PostgresNode]) -> None:
    first, second, third = replicated(nodes)
    write(first, 1)
    until(lambda: 1 in written(second))
    second.promote()
    write(first, 2)  # a split brain: 2 is stranded on the old branch, where the third node still is
    until(lambda: 2 in written(third))
    write(second, 3)
    assert third.beyond(second)
    third.rebuild(second)
    first.rebuild(second)
    for standby in (first, third):
        standby.wait_until_streaming()
        until(lambda standby=standby: written(standby) == {1, 3})


def test_a_rebuild_that_was_cut_off_before_the_start_can_be_repeated(
    nodes: list[PostgresNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second pg_rewind brings the node up by itself, to shut it down cleanly, and writes on the other's branch."""
    first, second, third = replicated(nodes)
    write(first, 1)
    until(lambda: {1} == written(second) == written(third))
    second.promote()
    write(first, 2)
    until(lambda: 2 in written(third))

    def dies(upstream: PostgresNode) -> None:
        raise TwinFault(f"it died before it followed {upstream.name}")

    with monkeypatch.context() as short:
        short.setattr(third, "start_standby", dies)
        with pytest.raises(TwinFault, match="it died"):
            third.rebuild(second)
    third.rebuild(second)
    write(second, 3)
    until(lambda: written(third) == {1, 3})


def test_two_that_are_promoted_apart_never_share_a_timeline(nodes: list[PostgresNode]) -> None:
    _, second, third = replicated(nodes)
    second.promote()
    write(second, 1)
    third.promote()  # it did not hear of the second's promotion
    write(third, 2)
    numbers = [node.sql("select pg_walfile_name(pg_current_wal_lsn())")[0][0][:8] for node in (second, third)]
    assert len(set(numbers)) == 2
    second.rebuild(third)
    second.wait_until_streaming()
    until(lambda: written(second) == {2})


def test_a_frozen_server_misses_the_deadline_and_comes_back(nodes: list[PostgresNode]) -> None:
    nodes[0].start()
    nodes[0].freeze()
    began = monotonic_nanoseconds()
    with pytest.raises(TwinFault, match="in time"):
        nodes[0].sql("select 1", real_seconds=0.2)
    assert 0.15 < (monotonic_nanoseconds() - began) / 1e9 < 1
    nodes[0].thaw()
    assert nodes[0].sql("select 1") == [(1,)]


def test_a_delay_is_applied_and_taken_back_without_a_restart(nodes: list[PostgresNode]) -> None:
    first, second, _ = replicated(nodes)
    second.set_parameters({"recovery_min_apply_delay": "600"})
    real_sleep(0.1)
    write(first, 1)
    began = monotonic_nanoseconds()
    until(lambda: written(second) == {1})
    assert 0.4 < (monotonic_nanoseconds() - began) / 1e9 < 2
    second.set_parameters({"recovery_min_apply_delay": None})
    real_sleep(0.1)
    write(first, 2)
    began = monotonic_nanoseconds()
    until(lambda: written(second) == {1, 2})
    assert (monotonic_nanoseconds() - began) / 1e9 < 0.5


def until(true: object, real_seconds: float = 5) -> None:
    end = monotonic_nanoseconds() + real_seconds * 1e9
    while not true():  # type: ignore[operator]
        assert monotonic_nanoseconds() < end, "gave up waiting"
        real_sleep(0.01)
