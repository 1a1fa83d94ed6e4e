import os
import signal
import socket
import subprocess
import sys
import timeit
from pathlib import Path

import numpy as np
import pytest

from harness.clock import Anchor, Clock, monotonic_nanoseconds
from harness.errors import Unreadable
from harness.requests import (
    MAGIC,
    RECORD,
    SIZE,
    Outcome,
    RequestWriter,
    address_number,
    address_text,
    aws_nanoseconds,
    moved,
    read,
)

CLOCK = Clock(10.0, Anchor(1_000_000_000, 1_700_000_000_000_000_000))


def written(path: Path, count: int = 3) -> Path:
    with RequestWriter(path, CLOCK, 2) as writer:
        for number in range(count):
            due = 2_000_000_000 + number * 1_000_000
            address = socket.inet_aton("10.0.0.80")
            writer.write(due, due + 1000, due + 5000, 0, Outcome.GOOD, 201, address, bytes([number]) * 16, number)
    return path


def test_records_of_another_clock_are_moved_and_appended(tmp_path: Path) -> None:
    with RequestWriter(tmp_path / "there.bin", CLOCK, 2) as writer:
        writer.write(5_000, 0, 6_000, 3, Outcome.NAME_FAILED)
        writer.write(7_000, 7_100, 8_000, 0, Outcome.GOOD, 201, b"\x0a\0\0\x50", bytes(range(16)), 9)
    data = (tmp_path / "there.bin").read_bytes()[SIZE:]
    with RequestWriter(tmp_path / "here.bin", CLOCK, 2) as writer:
        writer.append(moved(data, -4_000, tmp_path / "there.bin"))
    there, here = read(tmp_path / "there.bin").rows, read(tmp_path / "here.bin").rows
    assert here["intended"].tolist() == [1_000, 3_000]
    assert here["sent"].tolist() == [0, 3_100]
    assert here["done"].tolist() == [2_000, 4_000]
    for column in ("operation", "outcome", "status", "location", "address", "write_id", "observed"):
        assert (here[column] == there[column]).all()
    with pytest.raises(Unreadable, match="number 5"):
        moved(data[:SIZE] + b"x" + data[SIZE + 1 :], 0, tmp_path / "there.bin", 4)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "requests-asia.bin")
    assert path.stat().st_size == 4 * SIZE
    assert path.read_bytes()[:8] == MAGIC
    found = read(path)
    assert (found.location_index, found.clock, found.torn_bytes) == (2, CLOCK, 0)
    row = found.rows[1]
    assert (row["intended"], row["sent"], row["done"]) == (2_001_000_000, 2_001_001_000, 2_001_005_000)
    assert (row["operation"], row["outcome"], row["status"], row["location"]) == (0, Outcome.GOOD, 201, 2)
    assert address_text(int(row["address"])) == "10.0.0.80"
    assert address_number("10.0.0.80") == int(row["address"])
    assert row["write_id"].tobytes() == b"\x01" * 16
    assert row["observed"] == 1
    assert found.latency().tolist() == [50_000] * 3


def test_a_write_id_may_end_in_zero_bytes(tmp_path: Path) -> None:
    assert read(written(tmp_path / "r.bin")).rows["write_id"].tolist()[0] == bytes(16)


def test_a_record_has_64_bytes() -> None:
    assert RECORD.itemsize == SIZE == 64


def test_times_become_aws_time_exactly_as_the_clock_says() -> None:
    readings = [1_000_000_000, 1_234_567_891, 9_999_999_999_999, 5]
    assert aws_nanoseconds(CLOCK, readings).tolist() == [CLOCK.at(reading).nanoseconds for reading in readings]


def test_never_sent_stays_zero() -> None:
    assert aws_nanoseconds(CLOCK, [0]).tolist() == [0]


@pytest.mark.parametrize("torn", [1, 32, 63])
def test_a_torn_tail_is_left_out_and_counted(tmp_path: Path, torn: int) -> None:
    path = written(tmp_path / "r.bin")
    path.write_bytes(path.read_bytes() + bytes(torn))
    found = read(path)
    assert (len(found.rows), found.torn_bytes) == (3, torn)


@pytest.mark.parametrize("position", range(SIZE, 4 * SIZE, 7))
def test_a_flipped_bit_anywhere_is_noticed(tmp_path: Path, position: int) -> None:
    path = written(tmp_path / "r.bin")
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.raises(Unreadable, match=f"the first is number {position // SIZE - 1}"):
        read(path)


def test_a_hole_of_zeros_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path / "r.bin")
    path.write_bytes(path.read_bytes() + bytes(SIZE))
    with pytest.raises(Unreadable, match="number 3"):
        read(path)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda data: b"", "0 bytes are no header"),
        (lambda data: data[:40], "40 bytes are no header"),
        (lambda data: b"XXXXXXXX" + data[8:], "not a record of requests"),
        (lambda data: data[:8] + b"\x02\x00" + data[10:], "version 2"),
        (lambda data: data[:16] + bytes(8) + data[24:], "speed 0.0"),
    ],
)
def test_a_wrong_header_is_unreadable(tmp_path: Path, change, problem: str) -> None:
    path = written(tmp_path / "r.bin")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(Unreadable, match=problem):
        read(path)


def test_a_missing_file_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="No such file"):
        read(tmp_path / "none.bin")


def test_a_header_alone_is_a_record_of_nothing(tmp_path: Path) -> None:
    assert len(read(written(tmp_path / "r.bin", 0)).rows) == 0


def test_a_record_is_never_written_over(tmp_path: Path) -> None:
    path = written(tmp_path / "r.bin")
    with pytest.raises(FileExistsError):
        RequestWriter(path, CLOCK, 0)


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    with RequestWriter(tmp_path / "r.bin", CLOCK, 0) as writer:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, writer._descriptor)
        os.close(full)
        with pytest.raises(OSError, match="No space"):
            writer.write(1, 2, 3, 0, 0)


def test_a_killed_writer_leaves_whole_records(tmp_path: Path) -> None:
    path = tmp_path / "r.bin"
    program = (
        "import sys; from pathlib import Path; from harness.clock import Clock; from harness.requests import *\n"
        "writer = RequestWriter(Path(sys.argv[1]), Clock.start(), 0)\n"
        "while True: writer.write(1, 2, 3, 0, 0)"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(path)])
    try:
        while not path.exists() or path.stat().st_size < 20_000 * SIZE:
            assert child.poll() is None
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    found = read(path)
    assert found.torn_bytes == 0
    assert len(found.rows) >= 19_999


def test_writing_costs_microseconds(tmp_path: Path) -> None:
    with RequestWriter(tmp_path / "r.bin", CLOCK, 0) as writer:
        each = min(timeit.repeat(lambda: writer.write(1, 2, 3, 0, 0, 200), number=2000, repeat=5)) / 2000
    assert each < 20e-6  # measured 2 µs; the margin is for a loaded machine


def test_a_million_records_are_read_in_a_moment(tmp_path: Path) -> None:
    path = written(tmp_path / "r.bin", 250)
    data = path.read_bytes()
    path.write_bytes(data[:SIZE] + data[SIZE:] * 4000)
    began = monotonic_nanoseconds()
    found = read(path)
    took = (monotonic_nanoseconds() - began) / 1e9
    assert len(found.rows) == 1_000_000
    assert np.all(found.latency() == 50_000)
    assert took < 3  # measured 0.4 s; the margin is for a loaded machine
