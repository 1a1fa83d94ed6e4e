"""The stop key on a terminal of its own, and nothing at all without one."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import termios

import pytest

from harness.safety.keys import Keys, terminal

LISTEN = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from harness.safety.keys import Keys, terminal
with Keys(terminal()) as keys:
    print(keys.listening, keys.pressed(), flush=True)
    while True:
        told = keys.pressed()
        if told:
            print(told, flush=True)
            if sys.argv[1] == "crash":
                raise SystemExit(3)
            break
"""


@pytest.mark.parametrize("way", ["well", "crash"])
def test_the_key_is_told_and_the_terminal_is_left_as_it_was(way):
    master, slave = os.openpty()
    before = termios.tcgetattr(slave)
    with subprocess.Popen(
        [sys.executable, "-c", LISTEN, way], stdin=slave, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as listener:
        assert listener.stdout is not None
        assert listener.stdout.readline() == "True None\n"
        assert termios.tcgetattr(slave)[3] & termios.ICANON == 0
        os.write(master, b"xyS")
        assert listener.stdout.readline() == "s was pressed\n"
        listener.wait(10)
    assert termios.tcgetattr(slave) == before
    assert not select.select([master], [], [], 0)[0], "keys are not shown"
    os.close(master)
    os.close(slave)


def test_without_a_terminal_nothing_is_read():
    read, write = os.pipe()
    kept = os.dup(0)
    os.dup2(read, 0)
    try:
        os.write(write, b"s")
        assert terminal() is None
        with Keys(terminal()) as keys:
            assert not keys.listening
            assert keys.pressed() is None
        assert os.read(read, 1) == b"s"
    finally:
        os.dup2(kept, 0)
        for descriptor in (read, write, kept):
            os.close(descriptor)


def test_a_terminal_of_somebody_else_is_left_alone():
    master, slave = os.openpty()
    kept = os.dup(0)
    os.dup2(slave, 0)
    try:
        assert terminal() is None
    finally:
        os.dup2(kept, 0)
        for descriptor in (master, slave, kept):
            os.close(descriptor)
