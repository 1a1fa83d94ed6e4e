from __future__ import annotations

import pytest

from harness.clock import Anchor, Clock, monotonic_nanoseconds
from harness.twin.app.tokens import BadToken, Bearer, Tokens, hash_password, password_matches

ANNA = Bearer("7d0b2f0e-0000-4000-8000-000000000001", "anna")


def clock(ahead_seconds: float = 0) -> Clock:
    anchor = Anchor(monotonic_nanoseconds(), round((1_800_000_000 + ahead_seconds) * 1e9))
    return Clock(10, anchor)


def test_a_token_is_valid_in_every_region_that_has_the_secret() -> None:
    token = Tokens(clock(), "one").sign(ANNA)
    assert Tokens(clock(), "one").read(token) == ANNA
    with pytest.raises(BadToken):
        Tokens(clock(), "another").read(token)


def test_a_token_expires_in_aws_time() -> None:
    token = Tokens(clock(), "one").sign(ANNA)
    assert Tokens(clock(3590), "one").read(token) == ANNA
    with pytest.raises(BadToken, match="expired"):
        Tokens(clock(3601), "one").read(token)


def test_a_refresh_token_opens_nothing_else() -> None:
    tokens = Tokens(clock(), "one")
    refresh = tokens.sign(ANNA, "refresh")
    assert tokens.read(refresh, "refresh") == ANNA
    with pytest.raises(BadToken):
        tokens.read(refresh)
    with pytest.raises(BadToken):
        tokens.read(tokens.sign(ANNA), "refresh")


def test_passwords_are_salted() -> None:
    kept = hash_password("secret")
    assert password_matches("secret", kept)
    assert not password_matches("Secret", kept)
    assert kept != hash_password("secret")
