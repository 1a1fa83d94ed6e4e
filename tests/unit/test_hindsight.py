"""Looking back: times in words, and a table of what AWS still tells."""

from __future__ import annotations

import pytest

from harness.clock import Instant, minutes, seconds
from harness.errors import BadInput
from harness.events import AlarmChanged, DatabaseEvent, LagMeasured, Marked, MetricSeen, Noted, PhaseBegan
from harness.hindsight import moment, rows

NOW = Instant(1_700_000_000 * 10**9)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("-30m", NOW.back(minutes(30))),
        ("-90s", NOW.back(seconds(90))),
        ("-1.5h", NOW.back(minutes(90))),
        ("-2d", NOW.back(minutes(2880))),
        ("2023-11-14T22:13:20Z", NOW),
        ("2023-11-14T23:13:20+01:00", NOW),
        ("2023-11-14T22:13:20", NOW),
        ("2023-11-14", NOW.back(seconds(22 * 3600 + 13 * 60 + 20))),
    ],
)
def test_a_time_is_a_date_or_so_long_ago(text: str, found: Instant) -> None:
    assert moment("--since", text, NOW) == found


@pytest.mark.parametrize("text", ["", "30m", "-30", "-m", "yesterday", "2023-13-01", "-30m ago"])
def test_what_is_no_time_is_said(text: str) -> None:
    with pytest.raises(BadInput, match=r"^--since: .*: is no time\. Like 2026"):
        moment("--since", text, NOW)


def test_the_table_tells_what_happened_in_order_and_sums_up_what_was_measured() -> None:
    told = rows([
        PhaseBegan(NOW, "steady"),
        *(MetricSeen(NOW + minutes(n), "AWS/ApplicationELB/RequestCount", "us-east-1", "alb-us", "Sum", 100.0 - n)
          for n in range(3)),
        DatabaseEvent(NOW + seconds(9), "db-1", "us-east-1", "Multi-AZ\nfailover started", ("failover",)),
        AlarmChanged(NOW, "lag", "us-east-1", "", "OK", "", "", ""),
        AlarmChanged(NOW + seconds(5), "lag", "us-east-1", "OK", "ALARM", "over", "", ""),
        LagMeasured(NOW + minutes(1), "r1", "eu-west-1", 4.5),
        Marked(NOW + seconds(3), "fault", "FIS"),
        Noted(NOW + minutes(9), "alarms of eu-west-1: not known: refused"),
    ])  # fmt: skip
    assert [(row["what"], row["seen"]) for row in told] == [
        ("alarm lag", "OK at first"),
        ("fault", "FIS"),
        ("alarm lag", "OK to ALARM: over"),
        ("db-1", "Multi-AZ failover started"),
        ("not known", "alarms of eu-west-1: not known: refused"),
        ("lag of r1 in seconds", "4.5 to 4.5, 1 datapoints; the highest here"),
        ("RequestCount of alb-us", "98 to 100, 3 datapoints; the highest here"),
    ]
    assert {len(row) for row in told} == {4}
