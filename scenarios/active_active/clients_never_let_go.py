"""A region goes dark, and its clients never let go of it.

They keep the first answer that DNS gave them, and their connections, for ever. No platform can bring them back: how
long they stay is what the promise costs when clients do not play their part.
"""

from harness import Blackhole, LoadBalancer, minutes, scenario, seconds


@scenario(lasts=minutes(4), cadence="weekly")
def test_clients_that_ignore_dns_stay_on_the_dark_region(gameday):
    _, dark, _ = gameday.regions
    with (
        gameday.promising("undisturbed", undisturbed=gameday.away_from(dark), breaking=("recovery",)),
        gameday.traffic(clients="stubborn"),
    ):
        gameday.steady(seconds(20))
        with gameday.inject(Blackhole(LoadBalancer(dark))):
            gameday.hold(minutes(2))
        gameday.hold(seconds(30))
