"""The primary region is lost, its replication and its AWS endpoints too.

The platform itself should notice that nobody can write and promote the standby region's database. Reads should be back
within a minute, writes within the time that AWS documents for it, with a loss no longer than the replication's delay.
When the region returns, the rows that only it had are named, and its old writer must never take a write again.
"""

from harness import Lose, minutes, scenario, seconds


@scenario(lasts=minutes(7), destructive=True)
def test_the_platform_moves_to_the_standby_when_the_primary_region_is_lost(gameday):
    primary, standby = gameday.regions
    promises = ("recovery", "bounded_loss", "automatic", "single_writer", "failback", "alarm_rings")
    with gameday.promising(*promises, alarm="writer-unreachable"), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Lose(primary)):
            gameday.wait_for(serving=standby)
            gameday.hold(seconds(30))
        gameday.wait_for(healthy=primary)
        gameday.hold(seconds(30))
