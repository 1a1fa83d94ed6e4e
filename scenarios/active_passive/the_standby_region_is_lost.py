"""The standby region is lost.

Nobody is served by it, so nobody should notice: no write may wait for a replica that is gone, and no client may be sent
there.
"""

from harness import Lose, minutes, scenario, seconds


@scenario(lasts=minutes(3), destructive=True)
def test_nobody_notices_when_the_standby_region_is_lost(gameday):
    standby = gameday.regions[1]
    with (
        gameday.promising("undisturbed", "no_lost_writes", "routing", undisturbed=gameday.everything()),
        gameday.traffic(),
    ):
        gameday.steady(seconds(20))
        with gameday.inject(Lose(standby)):
            gameday.hold(seconds(90))
        gameday.hold(seconds(30))
