"""Tokens at a running server: a public key from a file, and an issuer's key set over HTTP."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.support.key_server import KeyServer, answering, key_server_in_thread
from tests.support.server import DOCUMENTS, Reply, Server, running_server
from tests.support.tokens import jwk, key_set, private, public_pem


def token(kind: str, algorithm: str, kid: str | None = None, key: Any = None) -> str:
    """Sign a token that is valid for a minute."""
    claims = {"sub": "ann", "aud": "scorepool", "exp": time.time() + 60}
    return jwt.encode(claims, key or private(kind), algorithm, {"kid": kid} if kid else None)


def ask(server: Server, token: str) -> Reply:
    """Score with a token."""
    return server.score(DOCUMENTS, Authorization=f"Bearer {token}")


@pytest.mark.parametrize(("kind", "algorithm"), [("RSA", "RS256"), ("P-256", "ES256"), ("Ed25519", "EdDSA")])
def test_a_public_key_from_a_file_verifies_tokens(
    demo_bundle: Path, tmp_path: Path, kind: str, algorithm: str
) -> None:
    """A token of another key is refused, and so is one signed with the public key as an HMAC secret."""
    path = tmp_path / "key.pem"
    path.write_bytes(public_pem(kind))
    other = {"RSA": "RSA'", "P-256": "P-256'", "Ed25519": "Ed25519'"}[kind]

    with running_server(demo_bundle, jwt_secret="", jwt_public_key_file=path, workers=1) as server:
        server.await_ready()
        assert ask(server, token(kind, algorithm)).status == 200
        assert ask(server, token(other, algorithm)).code == "invalid_token"
        forged = jwt.get_algorithm_by_name("HS256").sign
        head = token(kind, algorithm).split(".")[1]
        message = b"eyJhbGciOiJIUzI1NiJ9." + head.encode()
        signature = jwt.utils.base64url_encode(forged(message, public_pem(kind)))
        assert ask(server, (message + b"." + signature).decode()).code == "invalid_token"


@pytest.fixture(scope="module")
def issuer() -> Iterator[KeyServer]:
    """Run a key server with three keys."""
    keys = key_set(jwk("RSA", "r"), jwk("P-256", "p"), jwk("Ed25519", "e"))
    with key_server_in_thread(answering(keys)) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def server(demo_bundle: Path, issuer: KeyServer) -> Iterator[Server]:
    """Run a server that trusts the issuer."""
    with running_server(demo_bundle, jwt_secret="", jwt_jwks_url=issuer.url, workers=1) as server:
        server.await_ready()
        yield server


@pytest.mark.parametrize(
    ("kind", "algorithm", "kid"), [("RSA", "RS256", "r"), ("P-256", "ES256", "p"), ("Ed25519", "EdDSA", "e")]
)
def test_a_key_of_the_issuers_set_is_chosen_by_kid(
    server: Server, kind: str, algorithm: str, kid: str
) -> None:
    """A token with another kid or without one is refused."""
    assert ask(server, token(kind, algorithm, kid)).status == 200
    assert ask(server, token(kind, algorithm, "rpe".replace(kid, "")[0])).code == "invalid_token"
    assert ask(server, token(kind, algorithm)).code == "invalid_token"


def test_many_unknown_kids_do_not_reach_the_issuer(server: Server, issuer: KeyServer) -> None:
    """The key set was fetched at the start and is not fetched again before the cooldown ends."""
    before = issuer.n_requests

    answers = {ask(server, token("RSA", "RS256", f"unknown-{i}")).code for i in range(100)}

    assert answers == {"invalid_token"}
    assert issuer.n_requests == before


def test_a_server_whose_issuer_is_down_is_not_ready(demo_bundle: Path) -> None:
    """It starts, answers /livez, and refuses requests with 503, since it cannot verify tokens."""
    with running_server(
        demo_bundle, jwt_secret="", jwt_jwks_url="http://127.0.0.1:1/keys", workers=1
    ) as server:
        server.await_ready()
        ready = server.request("GET", "/readyz")
        scored = ask(server, token("RSA", "RS256", "r"))

        assert (ready.status, b'"reason":"starting"' in ready.body) == (503, True)
        assert (scored.status, scored.code) == (503, "starting")
        assert int(scored.headers["retry-after"]) >= 1
        assert server.request("GET", "/livez").status == 200
