"""The primary database stops.

The writer fails over to its standby in another zone, as RDS does it. Writes should be back within the objective, no
write that was acknowledged may be missing, and reads, which the replica serves, should notice nothing.
"""

from harness import Stop, Writer, minutes, scenario, seconds


@scenario(lasts=minutes(2), gate=True)
def test_writes_come_back_and_none_is_lost_when_the_primary_database_stops(gameday):
    reads = gameday.operations("ponder_events", "api_key_stats")
    with gameday.promising("recovery", "no_lost_writes", "undisturbed", undisturbed=reads), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Stop(Writer())):
            gameday.wait_for(recovered=True)
            gameday.hold(seconds(30))
        gameday.hold(seconds(15))
