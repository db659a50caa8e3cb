"""`scorepool token`: signs a token for development. In production an identity provider issues the tokens."""

import time
from dataclasses import dataclass
from typing import Any

import click
import jwt

from service.cli.input_errors import input_errors
from service.cli.options import jwt_secret
from service.settings import MIN_SECRET_BYTES, PREFIX, SettingsError


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """The claims of a token.

    subject: whose requests these are (`sub`); queue shares are counted by it.
    scope: scope names with spaces between.
    ttl: seconds until the token expires.
    audience, issuer: `aud` and `iss`, which must be those of the server's settings.
    """

    subject: str
    scope: str = ""
    ttl: int = 3600
    audience: str = "scorepool"
    issuer: str | None = None


def sign_token(secret: str, claims: TokenClaims) -> str:
    """Return a JWT with these claims, signed with `secret` (HS256) and valid from now.

    Raises: SettingsError when the secret is shorter than `MIN_SECRET_BYTES`.
    """
    size = len(secret.encode())
    if size < MIN_SECRET_BYTES:
        fault = f"{size} bytes, at least {MIN_SECRET_BYTES} required; try: openssl rand -hex 32"
        raise SettingsError([f"{PREFIX}JWT_SECRET: {fault}"])
    now = int(time.time())
    payload = {"sub": claims.subject, "aud": claims.audience, "iat": now, "exp": now + claims.ttl}
    if claims.scope:
        payload["scope"] = claims.scope
    if claims.issuer:
        payload["iss"] = claims.issuer
    return jwt.encode(payload, secret, algorithm="HS256")


@click.command()
@click.option("--subject", required=True, help="Whose token it is.")
@click.option("--scope", default="", help="Scopes, with spaces between.")
@click.option("--ttl", default=3600, show_default=True, type=click.IntRange(1), metavar="SECONDS")
@click.option("--audience", envvar="SCOREPOOL_JWT_AUDIENCE", default="scorepool", show_default=True)
@click.option("--issuer", envvar="SCOREPOOL_JWT_ISSUER")
@input_errors()
def command(**options: Any) -> None:
    """Print a token for development.

    It is signed with SCOREPOOL_JWT_SECRET.
    """
    click.echo(sign_token(jwt_secret(), TokenClaims(**options)))
