import json
from pathlib import Path

import numpy as np
import pytest

from harness.clock import Anchor, Clock, monotonic_nanoseconds
from harness.errors import Unreadable
from harness.ledger import Jobs, Ledger, ReadBack, Standing, View, Wal, join, read, standings, write
from harness.requests import NO_WRITE, OPERATIONS, RECORD, Outcome, Requests

CLOCK = Clock(2.0, Anchor(0, 1_000))
TRIGGER, LIST = OPERATIONS.index("create_trigger"), OPERATIONS.index("list_triggers")


def requests(*rows: tuple[int, int, Outcome, int, bytes], location: int = 0) -> Requests:
    """Rows of (intended, operation, outcome, status, write id)."""
    table = np.zeros(len(rows), RECORD)
    for row, (intended, operation, outcome, status, write_id) in zip(table, rows, strict=True):
        row["intended"], row["sent"], row["done"] = intended, intended + 1, intended + 2
        row["operation"], row["outcome"], row["status"], row["location"] = operation, outcome, status, location
        row["write_id"] = np.void(write_id)
    return Requests(Path("r.bin"), location, CLOCK, table, 0)


def identity(number: int) -> bytes:
    return number.to_bytes(16, "big")


def view(role: str, **counts: int) -> View:
    return View("sql", "us-east-1", f"db-{role}", role, 5, {identity(int(k[1:])).hex(): v for k, v in counts.items()})


def ledger(*views: View) -> Ledger:
    here = requests(
        (30, TRIGGER, Outcome.GOOD, 201, identity(1)),
        (10, TRIGGER, Outcome.TIMED_OUT, 0, identity(2)),
        (20, LIST, Outcome.GOOD, 200, NO_WRITE),
    )
    there = requests((20, TRIGGER, Outcome.REFUSED, 0, identity(3)), location=1)
    return join([here, there], ReadBack(complete=True, views=views))


def test_writes_of_all_locations_are_joined_by_intended_time() -> None:
    found = ledger(view("writer", w1=1, w2=2, w9=1), view("old_writer", w1=1, w3=1))
    assert found.ids == tuple(identity(number).hex() for number in (2, 3, 1))
    assert found.writes["standing"].tolist() == [Standing.UNKNOWN, Standing.REFUSED, Standing.ACKNOWLEDGED]
    assert found.writes["location"].tolist() == [0, 1, 0]
    assert found.writes["intended_at"].tolist() == [1_020, 1_040, 1_060]
    assert found.found.tolist() == [[2, 0], [0, 1], [1, 1]]
    assert found.strangers == ((identity(9).hex(),), ())


def test_views_are_chosen_by_role() -> None:
    found = ledger(view("writer", w1=1), view("replica", w1=3), view("old_writer", w2=1))
    assert found.role("writer", "replica") == [0, 1]
    assert found.most("writer", "replica").tolist() == [0, 0, 3]
    assert found.most("snapshot").tolist() == [0, 0, 0]
    assert found.standing(Standing.REFUSED).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("outcome", "status", "standing"),
    [
        (Outcome.GOOD, 201, Standing.ACKNOWLEDGED),
        (Outcome.WRONG_STATUS, 400, Standing.REFUSED),
        (Outcome.WRONG_STATUS, 499, Standing.REFUSED),
        (Outcome.WRONG_STATUS, 500, Standing.UNKNOWN),
        (Outcome.WRONG_STATUS, 503, Standing.UNKNOWN),
        (Outcome.WRONG_STATUS, 202, Standing.UNKNOWN),
        (Outcome.WRONG_BODY, 201, Standing.UNKNOWN),
        (Outcome.TIMED_OUT, 0, Standing.UNKNOWN),
        (Outcome.RESET, 0, Standing.UNKNOWN),
        (Outcome.REFUSED, 0, Standing.REFUSED),
        (Outcome.NAME_FAILED, 0, Standing.REFUSED),
        (Outcome.DROPPED, 0, Standing.REFUSED),
        (Outcome.UNAUTHORIZED, 401, Standing.REFUSED),
    ],
)
def test_only_what_is_certain_is_acknowledged_or_refused(outcome: Outcome, status: int, standing: Standing) -> None:
    assert standings(np.array([outcome]), np.array([status])).tolist() == [standing]


def test_a_write_id_in_two_requests_is_damage() -> None:
    twice = requests(*[(n, TRIGGER, Outcome.GOOD, 201, identity(1)) for n in (1, 2)])
    with pytest.raises(Unreadable, match="1 write ids"):
        join([twice], ReadBack(complete=True))


def test_nothing_sent_is_an_empty_ledger() -> None:
    found = join([], ReadBack(complete=True, views=(view("writer", w1=1),)))
    assert (len(found.writes), found.found.shape) == (0, (0, 1))


def test_two_hundred_thousand_writes_are_joined_in_a_moment() -> None:
    count = 200_000
    table = np.zeros(count, RECORD)
    table["intended"] = np.arange(1, count + 1)
    raw = np.arange(count, dtype=">u8")
    table["write_id"] = np.frombuffer(np.stack([np.zeros_like(raw), raw], 1).tobytes(), "V16")
    part = Requests(Path("r.bin"), 0, CLOCK, table, 0)
    counts = {write_id.hex(): 1 for write_id in table["write_id"].tolist()}
    views = tuple(View("sql", "r", "d", "writer", 1, counts) for _ in range(3))
    began = monotonic_nanoseconds()
    found = join([part], ReadBack(complete=True, views=views))
    assert (found.found == 1).all()
    assert (monotonic_nanoseconds() - began) / 1e9 < 4  # measured 0.4 s; the margin is for a loaded machine


def test_a_readback_survives_its_file(tmp_path: Path) -> None:
    created = {identity(1).hex(): ((1_700_000_000_000_000, "eu-west-1"),)}
    one = View("api", "eu-west-1", "api.test", "writer", 7, {identity(1).hex(): 1}, created, Wal(900, None, 5))
    jobs = Jobs(("1", "2"), ("1",), {"1": 2}, ("2",))
    full = ReadBack(True, ("sql us-east-1",), (one,), jobs, 99)
    for readback in (full, ReadBack(complete=False)):
        write(tmp_path / "readback.json", readback)
        assert read(tmp_path / "readback.json") == readback


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"complete": "yes"}, "'yes' is not bool"),
        ({"promoted_at": 1.5}, "1.5 is not int"),
        ({"missing_views": "sql"}, "'sql' is not a list"),
        ({"views": [{"source": "api"}]}, "'region' is missing"),
        ({"jobs": {"events": []}}, "'processed' is missing"),
        ({"views": 3}, "not iterable"),
        ({"version": 3}, "version: 3 is not 2"),
    ],
)
def test_a_wrong_readback_names_what_is_wrong(tmp_path: Path, change: dict[str, object], problem: str) -> None:
    path = tmp_path / "readback.json"
    write(path, ReadBack(complete=True))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(Unreadable, match=problem):
        read(path)


@pytest.mark.parametrize(("field", "value"), [("source", "guess"), ("role", "queen"), ("counts", {"a": "1"})])
def test_a_wrong_view_is_unreadable(tmp_path: Path, field: str, value: object) -> None:
    path = tmp_path / "readback.json"
    write(path, ReadBack(complete=True, views=(view("writer", w1=1),)))
    values = json.loads(path.read_text())
    values["views"][0][field] = value
    path.write_text(json.dumps(values))
    with pytest.raises(Unreadable, match="is not"):
        read(path)


def test_a_readback_of_version_one_knows_no_positions(tmp_path: Path) -> None:
    path = tmp_path / "readback.json"
    write(path, ReadBack(complete=True, views=(view("writer", w1=1),)))
    values = json.loads(path.read_text())
    del values["version"], values["views"][0]["wal"]
    path.write_text(json.dumps(values))
    assert read(path).views[0].wal is None
    values["views"][0]["wal"] = {"end": 1.5, "replayed": None, "up_since": 1}
    path.write_text(json.dumps(values))
    with pytest.raises(Unreadable, match=r"1\.5 is not int"):
        read(path)


@pytest.mark.parametrize("text", ["", "[", "[]", "3"])
def test_what_is_no_readback_is_unreadable(tmp_path: Path, text: str) -> None:
    path = tmp_path / "readback.json"
    path.write_text(text)
    with pytest.raises(Unreadable):
        read(path)
    with pytest.raises(Unreadable, match="No such file"):
        read(tmp_path / "none.json")
