"""Does a name or a tag speak of production? One rule for all of them, and when in doubt it does.

*production* counts anywhere, whatever stands around it and in any case: ``preproduction`` and ``non-production`` are
refused too, since nobody renames a thing while it burns. *prod* and *prd* count as words of their own, with or without
a number behind them: ``agentauri-prod-alb``, ``db_prod2``, ``AgentAuriProd``; not in ``product``, ``reproduce`` or
``producer``. *live* does not count: it is an everyday word (``liveness``, ``keep-alive``, ``live-events``), and a
guard that cries wolf is switched off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"production|(?<![a-z])(?:prod|prd)\d*(?![a-z0-9])")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def spoken_of(texts: Iterable[str]) -> str | None:
    """The first of these names that speaks of production; ``None`` when none does."""
    return next((text for text in texts if _WORD.search(_HUMP.sub(" ", text).lower())), None)
