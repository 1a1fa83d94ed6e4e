"""Every client connects anew while the writer fails over.

Twice as many requests as usual, each on a connection of its own, meet a database that has just changed its place.
Writes should be back within the objective all the same.
"""

from harness import Stop, Writer, minutes, scenario, seconds


@scenario(lasts=minutes(3), cadence="weekly")
def test_writes_come_back_in_a_storm_of_connections(gameday):
    with gameday.promising("recovery", "no_lost_writes"), gameday.traffic(clients="storm", times=2):
        gameday.steady(seconds(20))
        with gameday.inject(Stop(Writer())):
            gameday.wait_for(recovered=True)
            gameday.hold(seconds(30))
        gameday.hold(seconds(15))
