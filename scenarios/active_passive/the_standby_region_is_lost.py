"""The standby region is lost.

Nobody is served by it, so nobody should notice: no write may wait for a replica that is gone, and no client may be sent
there. Those who run the platform should notice, though, by an alarm of the standby's own, which lives elsewhere: else
it is missed on the day that it is needed.
"""

from harness import Lose, minutes, scenario, seconds


@scenario(lasts=minutes(7), gate=True, destructive=True)
def test_an_alarm_rings_and_nobody_else_notices_when_the_standby_region_is_lost(gameday):
    standby = gameday.regions[1]
    promises = ("undisturbed", "no_lost_writes", "routing", "alarm_rings")
    with (
        gameday.promising(*promises, undisturbed=gameday.everything(), alarm="standby-unhealthy"),
        gameday.traffic(),
    ):
        gameday.steady(seconds(90))
        with gameday.inject(Lose(standby)):
            gameday.hold(minutes(4))
        gameday.hold(seconds(30))
