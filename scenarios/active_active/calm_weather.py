"""Nothing happens.

Every location should be served by its nearest region, and every region's replica should be less than a second behind:
what is not so in calm weather cannot be in a storm.
"""

from harness import minutes, scenario, seconds


@scenario(lasts=minutes(2.5), gate=True)
def test_everybody_is_served_nearby_and_nothing_lags_in_calm_weather(gameday):
    with gameday.promising("routing", "low_lag", "no_false_alarm"), gameday.traffic():
        gameday.steady(seconds(90))
