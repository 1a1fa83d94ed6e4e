"""The data directory that every node starts from: made once with the final settings, then copied.

Final settings from the start, or standbys refuse to: ``max_connections`` and its like are written into ``pg_control``.
``fsync`` is off: a SIGKILL keeps the page cache, so nothing that was acknowledged is lost by it.
"""

from __future__ import annotations

import functools
import hashlib
import shutil
import signal
import subprocess
import tempfile
from contextlib import nullcontext
from pathlib import Path

from harness.clock import real_sleep
from harness.errors import TwinFault
from harness.twin.engines.postgres_sql import Deadline, Session
from harness.twin.network import users

USER = "postgres"
DATABASE = "agentauri"
NODE_CONFIGURATION = "node.conf"
_START_SECONDS = 30.0

SETTINGS = f"""\
port = 5432
unix_socket_directories = ''
max_connections = 200
superuser_reserved_connections = 10
shared_buffers = 16MB
dynamic_shared_memory_type = mmap
huge_pages = off
jit = off
fsync = off
wal_level = replica
wal_log_hints = on
wal_keep_size = 128MB
max_wal_size = 256MB
min_wal_size = 32MB
max_wal_senders = 10
max_replication_slots = 10
hot_standby = on
wal_retrieve_retry_interval = 20ms
wal_receiver_status_interval = 1s
wal_receiver_timeout = 2s
wal_sender_timeout = 2s
shared_preload_libraries = 'pg_stat_statements'
max_worker_processes = 2
max_parallel_workers = 0
max_logical_replication_workers = 0
autovacuum_naptime = 60s
autovacuum_max_workers = 1
log_min_messages = warning
log_line_prefix = '%m [%p] '
timezone = UTC
include_if_exists = '{NODE_CONFIGURATION}'
"""
ACCESS = "local all all trust\nhost all all 0.0.0.0/0 trust\nhost replication all 0.0.0.0/0 trust\n"

# `agentauri` is not a superuser and bounded, or a pool that piles up during a fault would lock the controller out.
# `gameday` may pause replay, as rds_superuser may on RDS.
_ROLES = """\
create role agentauri login connection limit 150;
create role gameday login connection limit 20 in role pg_monitor, pg_read_all_data;
"""
_GRANTS = """\
create extension pg_stat_statements;
grant execute on function pg_wal_replay_pause(), pg_wal_replay_resume() to gameday;
"""


@functools.cache
def binaries() -> Path:
    """Where the newest installed PostgreSQL keeps its programs (Debian's layout); ``TwinFault`` when none is."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise TwinFault("PostgreSQL is not installed.", "Run: apt-get install postgresql")
    return found[-1].parent


@functools.cache
def version() -> str:
    """The server's version as AWS writes it, e.g. ``15.14``."""
    said = subprocess.run([str(binaries() / "postgres"), "-V"], capture_output=True, text=True, check=True).stdout
    return said.split()[2]


def as_postgres(*command: str) -> list[str]:
    """The command as PostgreSQL's own user when this process is root: PostgreSQL refuses uid 0."""
    return users.as_user(USER, command)


def hand_over(path: Path) -> None:
    """Let PostgreSQL's user own ``path`` (when this process is root)."""
    users.hand_over(path, USER)


def prepare(cache: Path, schema: Path) -> Path:
    """The template for this schema, these settings and this PostgreSQL: made in 0.7 s once, then found in ``cache``.

    ``cache`` and the folders above it must be open to PostgreSQL's user (mode 0755). Two makers at once do no harm.
    Raises ``TwinFault`` when PostgreSQL refuses the schema.
    """
    text = schema.read_text(encoding="utf-8")
    recipe = "\0".join((text, SETTINGS, ACCESS, _ROLES, _GRANTS, version()))
    ready = cache / f"postgres-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    if ready.is_dir():
        return ready
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="making-") as folder:
        work = Path(folder)
        hand_over(work)
        _make(work, text)
        try:
            (work / "data").rename(ready)
        except OSError as error:
            if not ready.is_dir():
                raise TwinFault(f"the database template cannot be kept in {cache}: {error}") from error
    return ready


def copy(source: Path, target: Path) -> None:
    """Copy a stopped data directory; ``target`` must not exist and its folder is made open to PostgreSQL's user."""
    target.parent.mkdir(parents=True, exist_ok=True)
    hand_over(target.parent)
    done = subprocess.run(
        as_postgres("cp", "-a", "--reflink=auto", str(source), str(target)), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise TwinFault(f"{source} cannot be copied: {done.stderr.strip()}")
    (target / "postmaster.pid").unlink(missing_ok=True)


def remove(directory: Path) -> None:
    """Delete a data directory, if it is there."""
    shutil.rmtree(directory, ignore_errors=True)


def _make(work: Path, schema: str) -> None:
    data = work / "data"
    made = subprocess.run(
        as_postgres(
            str(binaries() / "initdb"),
            *("-D", str(data), "-U", "rdsadmin", "-A", "trust", "-N"),
            *("--wal-segsize=1", "--no-locale", "-E", "UTF8"),
        ),
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    if made.returncode:
        raise TwinFault(f"initdb failed: {made.stderr.strip()}")
    (data / "postgresql.conf").write_text(SETTINGS, encoding="utf-8")
    (data / "pg_hba.conf").write_text(ACCESS, encoding="utf-8")
    (data / NODE_CONFIGURATION).write_text(
        f"listen_addresses = ''\nunix_socket_directories = '{work}'\n", encoding="utf-8"
    )
    hand_over(data / NODE_CONFIGURATION)
    server = subprocess.Popen(
        as_postgres(str(binaries() / "postgres"), "-D", str(data)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )
    try:
        _fill(work, schema)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(_START_SECONDS)


def _fill(work: Path, schema: str) -> None:
    deadline = Deadline(_START_SECONDS)
    while True:
        try:
            session = Session(nullcontext(), str(work), database="postgres")
            break
        except TwinFault:
            if deadline.passed:
                raise
            real_sleep(0.01)
    with session:
        session.script(_ROLES)
        session.script(f"create database {DATABASE} owner agentauri")
    with Session(nullcontext(), str(work)) as session:
        session.script(_GRANTS)
        session.script(schema)
        session.script("vacuum freeze analyze")
    with Session(nullcontext(), str(work), database="postgres") as session:
        session.script("checkpoint")
