"""The primary region goes dark: nothing passes its border any more.

It is what network ACLs can do, so it can be done in staging: clients, and the standby's services, reach nothing there,
while the replication that AWS carries itself goes on. Reads should be back within a minute, writes within the time that
AWS documents for a failover between regions.
"""

from harness import Blackhole, minutes, scenario, seconds


@scenario(lasts=minutes(7), destructive=True)
def test_the_standby_takes_over_when_the_primary_region_goes_dark(gameday):
    primary, standby = gameday.regions
    promises = ("recovery", "bounded_loss", "automatic", "single_writer", "failback")
    with gameday.promising(*promises), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Blackhole(primary)):
            gameday.wait_for(serving=standby)
            gameday.hold(seconds(30))
        gameday.wait_for(healthy=primary)
        gameday.hold(seconds(30))
