"""The region that writes is lost, its replication and its AWS endpoints too.

Its clients should be served elsewhere within a minute, the platform itself should promote another region's cluster,
and writes should be back within the time that AWS documents for it. The remaining secondary is rebuilt meanwhile and
cannot be read; its reads should fall back to the new writer.
"""

from harness import Lose, minutes, scenario, seconds


@scenario(lasts=minutes(7), destructive=True)
def test_another_region_writes_when_the_writers_region_is_lost(gameday):
    writer = gameday.regions[0]
    promises = ("recovery", "bounded_loss", "automatic", "single_writer", "failback")
    with gameday.promising(*promises), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Lose(writer)):
            gameday.wait_for(left=writer)
            gameday.hold(seconds(30))
        gameday.wait_for(healthy=writer)
        gameday.hold(seconds(30))
