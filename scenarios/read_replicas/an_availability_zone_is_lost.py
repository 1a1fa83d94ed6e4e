"""The availability zone of the writer is lost.

Its database, its tasks and its half of the load balancer are gone at once. The writer should fail over to another zone,
the other tasks should carry the load, and no acknowledged write may be missing.
"""

from harness import Lose, minutes, scenario, seconds


@scenario(lasts=minutes(3))
def test_the_other_zones_carry_on_when_the_writers_zone_is_lost(gameday):
    with gameday.promising("recovery", "no_lost_writes", "automatic"), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Lose(gameday.zone_of_the_writer)):
            gameday.wait_for(served=True)
            gameday.hold(seconds(30))
        gameday.hold(seconds(30))
