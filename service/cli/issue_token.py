"""Mints development tokens. In production the company's identity provider does."""

import time
from dataclasses import dataclass

import jwt

from service.settings import MIN_SECRET_BYTES, PREFIX, SettingsError


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a token says: who (`subject`), what for (`scope`, with spaces between), for `ttl` seconds."""

    subject: str
    scope: str = ""
    ttl: int = 3600
    audience: str = "scorepool"
    issuer: str | None = None


def sign_token(secret: str, grant: TokenClaims) -> str:
    """Return a JWT signed with `secret` (HS256), valid from now.

    Raises: SettingsError when the secret is missing or too short to sign with.
    """
    size = len(secret.encode())
    if size < MIN_SECRET_BYTES:
        fault = f"{size} bytes, at least {MIN_SECRET_BYTES} required; try: openssl rand -hex 32"
        raise SettingsError([f"{PREFIX}JWT_SECRET: {fault}"])
    now = int(time.time())
    claims = {"sub": grant.subject, "aud": grant.audience, "iat": now, "exp": now + grant.ttl}
    if grant.scope:
        claims["scope"] = grant.scope
    if grant.issuer:
        claims["iss"] = grant.issuer
    return jwt.encode(claims, secret, algorithm="HS256")
