"""A pytest plugin for runs that nobody looks at: what will not come is given up sooner, and nothing is drawn.

The verdict is the same: a recovery is still waited for two minutes beyond its objective, and what is judged is the
record. A hardened design that is sabotaged keeps a game day waiting more often than any other.
"""

from __future__ import annotations

from harness import gameday
from harness.clock import minutes
from harness.reporting import chart, interactive

gameday._BEYOND = minutes(2)
gameday._PATIENCE = minutes(5)
chart.draw = lambda *_: b""
interactive.page = lambda *_: ""
