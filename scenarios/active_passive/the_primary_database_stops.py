"""The primary database stops.

Its cluster should fail over to another instance in the same region, writes should be back within the objective, nobody
should be sent to another region, and no acknowledged write may be missing.
"""

from harness import Stop, Writer, minutes, scenario, seconds


@scenario(lasts=minutes(2))
def test_the_region_keeps_its_clients_when_its_database_fails_over(gameday):
    with gameday.promising("recovery", "no_lost_writes", "routing", "automatic"), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Stop(Writer())):
            gameday.wait_for(recovered=True)
            gameday.hold(seconds(30))
        gameday.hold(seconds(15))
