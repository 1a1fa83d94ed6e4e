"""Who answers a TCP connection, asked from inside a place of the twin: JSON lines in and out, all of a line at once.

Runs as ``python -m tests.contract.walk_knock`` behind a place's ``enter`` prefix. A question is a list of
``[address, port]``; the answer says for each ``open``, ``refused`` or ``dark`` (nothing came back in time).
"""

from __future__ import annotations

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

PATIENCE = 0.5
"""Real seconds; the longest round trip of the twin's network is far below, at any speed."""


def knock(door: tuple[str, int]) -> str:
    try:
        with socket.create_connection(tuple(door), timeout=PATIENCE):
            return "open"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "dark"


def main() -> None:
    with ThreadPoolExecutor(32) as pool:
        for line in sys.stdin:
            print(json.dumps(list(pool.map(knock, json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
