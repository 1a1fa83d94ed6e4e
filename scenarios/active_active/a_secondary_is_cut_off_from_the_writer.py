"""A secondary region is cut off from the region that writes.

Clients elsewhere should notice nothing. Its own read what it had, older and older, so its lag alarm should ring; nobody
should move the writer, which is well; and everything should catch up once the link is back.
"""

from harness import Cut, Link, minutes, scenario, seconds


@scenario(lasts=minutes(4))
def test_the_alarm_rings_when_a_secondary_is_cut_off_from_the_writer(gameday):
    writer, _, secondary = gameday.regions
    promises = ("lag_alarm", "undisturbed", "single_writer")
    with gameday.promising(*promises, undisturbed=gameday.away_from(secondary)), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.inject(Cut(Link(writer, secondary))):
            gameday.wait_for(alarm="replica-lag", of=secondary, state="ALARM")
            gameday.hold(seconds(20))
        gameday.wait_for(alarm="replica-lag", of=secondary, state="OK")
