"""Sessions without a store: signed tokens, and passwords that cost a little to check."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import Literal

import jwt

from harness.clock import Clock, Duration, seconds

ACCESS_LIFE = seconds(3600)
REFRESH_LIFE = seconds(7 * 86400)
_ALGORITHM = "HS256"
_COST = 1 << 10  # a few milliseconds: every client of a run logs in, and the processors are two
Kind = Literal["access", "refresh"]


class BadToken(Exception):
    """The token is not ours, has expired, or is of the other kind."""


@dataclass(frozen=True)
class Bearer:
    """Whom a token speaks for."""

    user: str
    username: str


class Tokens:
    """Signs and reads tokens (HS256: ``sub``, ``username``, ``exp``, ``iat``). Their times are AWS time.

    A region with another secret rejects the tokens of this one.
    """

    def __init__(self, clock: Clock, secret: str) -> None:
        self._clock = clock
        # HS256 wants 32 bytes, and the secret of a design is a word.
        self._key = hashlib.sha256(secret.encode()).digest()

    def sign(self, bearer: Bearer, kind: Kind = "access") -> str:
        """A token of that kind, valid from now."""
        now = self._clock.now()
        life: Duration = ACCESS_LIFE if kind == "access" else REFRESH_LIFE
        claims = {
            "sub": bearer.user,
            "username": bearer.username,
            "iat": int(now.epoch_seconds),
            "exp": int((now + life).epoch_seconds),
        }
        return jwt.encode(claims if kind == "access" else {**claims, "use": kind}, self._key, _ALGORITHM)

    def read(self, token: str, kind: Kind = "access") -> Bearer:
        """Whom the token speaks for. Raises ``BadToken``."""
        # PyJWT would compare with the machine's clock, which is not AWS time.
        options = {"verify_exp": False, "verify_iat": False, "require": ["sub", "exp"]}
        try:
            claims = jwt.decode(token, self._key, [_ALGORITHM], options=options)  # type: ignore[arg-type]
        except jwt.PyJWTError as error:
            raise BadToken(str(error)) from error
        if claims.get("use", "access") != kind:
            raise BadToken(f"not a token for {kind}")
        if claims["exp"] <= self._clock.now().epoch_seconds:
            raise BadToken("Signature has expired")
        return Bearer(claims["sub"], claims.get("username", ""))


def hash_password(password: str) -> str:
    """A salted hash, to be kept."""
    salt = os.urandom(16)
    return f"{base64.b64encode(salt).decode()}${base64.b64encode(_scrypt(password, salt)).decode()}"


def password_matches(password: str, kept: str) -> bool:
    """Whether ``kept`` is a hash of this password."""
    salt, _, digest = kept.partition("$")
    return hmac.compare_digest(_scrypt(password, base64.b64decode(salt)), base64.b64decode(digest))


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_COST, r=8, p=1, dklen=32)
