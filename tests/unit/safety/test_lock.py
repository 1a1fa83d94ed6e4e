from __future__ import annotations

import subprocess
import sys

import pytest

from harness.errors import Refused
from harness.safety.lock import held

HOLD = """
import sys, time
from pathlib import Path
from harness.safety.lock import held
with held(Path(sys.argv[1]), "staging"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_is_refused_and_told_who_holds_it(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    other.stdout.readline()
    with pytest.raises(Refused, match=str(other.pid)), held(tmp_path, "staging"):
        pytest.fail("two hold it")
    with held(tmp_path, "another"):
        pass
    other.kill()
    other.wait()
    with held(tmp_path, "staging"):
        pass
