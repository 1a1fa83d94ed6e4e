"""A member's role is changed in one region while that region's cache pauses, and every region had it in its cache.

The change is written through to no cache at all: the one beside it does not answer, the others are not told. Each
region should act on the new role as soon as an entry may live, for who was demoted must not go on writing elsewhere.
"""

from harness import Cache, Pause, minutes, scenario, seconds


@scenario(lasts=minutes(2.5), gate=True)
def test_every_region_acts_on_a_role_that_was_changed_in_another(gameday):
    region = gameday.regions[0]
    with gameday.promising("fresh_roles", "undisturbed", undisturbed=gameday.everything()), gameday.traffic():
        gameday.steady(seconds(20))
        with gameday.a_member() as member, gameday.inject(Pause(Cache(region), span=seconds(15))):
            member.change(region.name)
            gameday.hold(seconds(60))
        gameday.hold(seconds(5))
