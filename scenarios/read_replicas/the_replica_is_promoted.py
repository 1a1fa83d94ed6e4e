"""The read replica is promoted: somebody makes it a database of its own.

It reboots, answers under the name that it always had, and learns nothing new from then on. Reads should notice that it
follows nobody any more and go to the writer, and somebody should be told, since the metric that RDS publishes of a
replica's lag ends with the promotion.
"""

from harness import Promote, Replica, minutes, scenario, seconds


@scenario(lasts=minutes(9), cadence="monthly", destructive=True)
def test_reads_stay_fresh_when_the_replica_is_promoted(gameday):
    (region,) = gameday.regions
    promises = ("bounded_staleness", "undisturbed", "no_lost_writes", "alarm_rings")
    with (
        gameday.promising(*promises, undisturbed=gameday.everything(), alarm="replica-lag"),
        gameday.traffic(),
    ):
        gameday.steady(seconds(20))
        with gameday.inject(Promote(Replica(region))):
            gameday.hold(seconds(150))
        gameday.hold(seconds(15))
