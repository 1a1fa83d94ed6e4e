"""A gray failure: the load balancer answers and the database behind it does not.

No packet reaches the databases of the primary region. A health check that only looks at the front sees nothing wrong,
and one that looks deeper may find every region sick. The platform should move the writer by itself and everything
should work again within the time that AWS documents for it.
"""

from harness import Blackhole, Database, minutes, scenario, seconds


@scenario(lasts=minutes(6), destructive=True)
def test_the_writer_moves_when_the_database_goes_dark_behind_a_healthy_front(gameday):
    primary, standby = gameday.regions
    with gameday.promising("recovery", "bounded_loss", "automatic", "single_writer"), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Blackhole(Database(primary))):
            gameday.wait_for(writer=standby, served=True)
            gameday.hold(seconds(30))
        gameday.hold(seconds(30))
