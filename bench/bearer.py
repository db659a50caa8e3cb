"""The token that the product asks for: minted here, for this run only."""

import functools
import secrets
import time

import jwt


@functools.cache
def secret() -> str:
    """Return the HMAC secret of this run."""
    return secrets.token_hex(32)


def bearer(subject: str = "bench") -> dict[str, str]:
    """Return the header with a token that outlasts the run."""
    claims = {"sub": subject, "aud": "scorepool", "exp": int(time.time()) + 6 * 3600}
    return {"Authorization": f"Bearer {jwt.encode(claims, secret(), algorithm='HS256')}"}
