"""The read replica stops.

It is rebooted, since AWS refuses to stop a replica. Reads should fall back to the writer while it is away, so that no
client notices, and go back to the replica afterwards.
"""

from harness import Replica, Stop, minutes, scenario, seconds


@scenario(lasts=minutes(2))
def test_reads_fall_back_to_the_writer_when_the_replica_stops(gameday):
    (region,) = gameday.regions
    with gameday.promising("undisturbed", "no_lost_writes", undisturbed=gameday.everything()), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Stop(Replica(region))):
            gameday.wait_for(recovered=True)
            gameday.hold(seconds(15))
        gameday.hold(seconds(15))
