"""What a signal does to a game day."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import Aborted
from harness.plugin import _signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_aborts_the_experiment_and_lets_no_other_begin(number: signal.Signals) -> None:
    session: Any = SimpleNamespace(shouldstop=False)
    before = signal.getsignal(number)
    with _signals(session):
        with pytest.raises(Aborted, match=number.name):
            os.kill(os.getpid(), number)
        assert session.shouldstop == f"signal {number.name}"
    assert signal.getsignal(number) is before
