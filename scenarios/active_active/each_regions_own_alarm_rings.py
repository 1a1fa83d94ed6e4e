"""Each secondary region falls behind in turn.

Nothing from the writer reaches it any more. Its own lag alarm should ring, and the alarms of the other regions should
stay silent: whoever is woken at night must know where to look. Nobody should move the writer, which is well.
"""

from harness import Cut, Link, minutes, scenario, seconds


@scenario(lasts=minutes(5))
def test_only_the_alarm_of_the_region_that_falls_behind_rings(gameday):
    writer, *secondaries = gameday.regions
    with gameday.promising("lag_alarm", "single_writer"), gameday.traffic():
        gameday.steady(seconds(20))
        for region in secondaries:
            with gameday.inject(Cut(Link(writer, region))):
                gameday.wait_for(alarm="replica-lag", of=region, state="ALARM", patience=minutes(4))
                gameday.hold(seconds(20))
            gameday.wait_for(alarm="replica-lag", of=region, state="OK")
