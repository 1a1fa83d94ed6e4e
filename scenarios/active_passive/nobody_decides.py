"""The primary region is lost, and nobody decides what to do about it.

The platform's automation is told nothing. Without it no database is promoted, however healthy the standby is: a
failover that is called automatic and needs a person is not automatic, and this shows that the difference is measured.
"""

from harness import Automation, Lose, Silence, minutes, scenario, seconds


@scenario(lasts=minutes(8), destructive=True)
def test_writes_stay_away_when_nobody_decides(gameday):
    primary = gameday.regions[0]
    with gameday.promising("single_writer", breaking=("automatic", "recovery")), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Silence(Automation())), gameday.inject(Lose(primary)):
            gameday.hold(minutes(6))
        gameday.hold(seconds(30))
