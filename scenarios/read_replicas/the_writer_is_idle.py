"""Nobody writes for six minutes.

A healthy replica of an idle writer looks as if it lagged, since its newest change grows older. An alarm that rings for
that wakes people for nothing, and is not believed the next time: it should keep silent.
"""

from harness import Service, Stop, minutes, scenario, seconds


@scenario(lasts=minutes(7.5), cadence="weekly")
def test_the_lag_alarm_keeps_silent_when_the_writer_is_idle(gameday):
    (region,) = gameday.regions
    with gameday.promising("no_false_alarm"), gameday.traffic(reads_only=True):
        gameday.steady(seconds(20))
        with gameday.inject(Stop(Service(region, "ponder-indexer"))):
            gameday.hold(minutes(6))
        gameday.hold(seconds(15))
