"""The colours of every report, in one place: told apart in grey too, and by people who see colours differently.

The hues are those of Okabe and Ito (https://jfly.uni-koeln.de/color/); a ruling's colour is
:attr:`harness.verdicts.Ruling.colour` and nobody else's.
"""

from __future__ import annotations

from collections.abc import Sequence

PAPER = "#fcfcfa"
"""The background of pictures: opaque, so that they read on light and on dark pages alike."""
INK = "#1f2328"
FAINT = "#6a737d"
RULE = "#d0d7de"

GOOD = "#9ecae1"
BAD = "#9e1c1c"
MIDDLE = "#33658a"
HIGH = "#c2571a"
FAULT = "#57606a"
RECOVERY = "#111111"

NOWHERE = "#4a4a4a"
"""No region at all, a silent alarm's missing data, an unknown writer."""
REGIONS = ("#2f78b3", "#efb23a", "#4fb891", "#d9b3cf", "#8a6fb0")
"""In the order of the run's regions; their luminances differ as well, and their names are written on them."""
LINES = ("#0072b2", "#d55e00", "#117733", "#882255", "#999933")
"""Lines of one panel, with :data:`DASHES` in the same order."""
DASHES: tuple[tuple[int, tuple[int, ...]], ...] = ((0, ()), (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)), (0, (8, 3)))  # type: ignore[assignment]
STAGES = {
    "detection": "#3b6fa0",
    "decision": "#e0a458",
    "promotion": "#7f4f8f",
    "dns": "#8cc5a3",
    "reconnect": "#c9c9c9",
}
OTHER = "#b0b0b0"


def region(name: str, regions: Sequence[str]) -> str:
    """The colour of a region; grey when the run does not know it."""
    return REGIONS[regions.index(name) % len(REGIONS)] if name in regions else NOWHERE


def stage(name: str) -> str:
    """The colour of a part of the recovery."""
    return STAGES.get(name, OTHER)


def on(colour: str) -> str:
    """Black or white: what can be read on this colour (W3C's relative luminance, contrast at least 4.5)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if luminance > 0.179 else "#ffffff"
