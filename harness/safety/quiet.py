"""Quiet hours: spans of local time in which nothing is broken. Pure: an instant in, yes or no out.

An instant has exactly one local time, so changes of the clocks need no rule of their own: an hour that a change skips
is never quiet, one that it repeats is quiet both times.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from harness.clock import Instant

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_OF_A_DAY = 24 * 60


@dataclass(frozen=True)
class QuietHours:
    """From one minute of the day until before another, local time, beginning on these days (Monday is 0).

    One that ends before it begins goes over midnight: it ends on the day after. ``ends_minute`` may be 24:00.
    """

    begins_minute: int
    ends_minute: int
    zone: ZoneInfo
    days: frozenset[int]

    def hold(self, at: Instant) -> bool:
        """Whether they hold at that instant."""
        local = at.datetime.astimezone(self.zone)
        minute, today = local.hour * 60 + local.minute, local.weekday()
        begun_today = today in self.days and minute >= self.begins_minute
        if self.begins_minute < self.ends_minute:
            return begun_today and minute < self.ends_minute
        return begun_today or ((today - 1) % 7 in self.days and minute < self.ends_minute)

    def __str__(self) -> str:
        begins, ends = (f"{minute // 60:02}:{minute % 60:02}" for minute in (self.begins_minute, self.ends_minute))
        days = "every day" if len(self.days) == 7 else ", ".join(DAYS[day] for day in sorted(self.days))
        return f"{begins} to {ends} {self.zone.key}, {days}"


def holding(hours: Iterable[QuietHours], at: Instant) -> QuietHours | None:
    """The first of these that hold at that instant."""
    return next((one for one in hours if one.hold(at)), None)
