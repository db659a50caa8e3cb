"""Real keys of each family, and valid and malformed tokens signed with them."""

import base64
import json
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

# The time of the fake clock, in seconds since 1970.
NOW = 1_800_000_000.0

SECRET = "an-example-secret-" * 4

CLAIMS: dict[str, Any] = {"sub": "ann", "aud": "scorepool", "exp": NOW + 60}

# A name with a prime is another key of the same type.
KINDS = {
    "RSA": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "RSA'": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "short RSA": lambda: rsa.generate_private_key(public_exponent=65537, key_size=1024),
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-256'": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed25519'": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
}

# Each algorithm with a key that it belongs to.
FAMILIES = {
    "RS256": "RSA",
    "RS384": "RSA",
    "RS512": "RSA",
    "PS256": "RSA",
    "ES256": "P-256",
    "ES384": "P-384",
    "ES512": "P-521",
    "EdDSA": "Ed25519",
}


@cache
def private(kind: str) -> Any:
    """Return the private key of a kind: the same one in all tests, since an RSA key takes long to generate."""
    return KINDS[kind]()


def public_pem(kind: str) -> bytes:
    """Return the public key of a kind in PEM form."""
    pem: bytes = private(kind).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def private_pem(kind: str) -> bytes:
    """Return the private key of a kind in PEM form."""
    pem: bytes = private(kind).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem


def jwk(kind: str, kid: object = "k", **members: Any) -> dict[str, Any]:
    """Return the public key of a kind as an entry of a key set, with `members` replaced (None: left out)."""
    parser = RSAAlgorithm if "RSA" in kind else OKPAlgorithm if "Ed" in kind else ECAlgorithm
    entry = {**json.loads(parser.to_jwk(private(kind).public_key())), "kid": kid, **members}
    entry.pop("key_ops", None)
    return {name: value for name, value in entry.items() if value is not None}


def key_set(*entries: object) -> bytes:
    """Return the key set that an issuer publishes."""
    return json.dumps({"keys": entries}).encode()


def sign(
    algorithm: str = "HS256", kind: str = "", headers: dict[str, Any] | None = None, **claims: Any
) -> str:
    """Return a valid token, except for the `claims` that are replaced (None: left out)."""
    every = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    key = private(FAMILIES[algorithm]) if algorithm in FAMILIES else SECRET
    return jwt.encode(every, key, algorithm, headers)


def forge(header: object, claims: object, secret: bytes = SECRET.encode(), algorithm: str = "HS256") -> str:
    """Sign any header and claims with HMAC: objects as JSON, bytes unchanged."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    message = b".".join(map(encode, parts))
    signature = jwt.get_algorithm_by_name(algorithm).sign(message, secret)
    return (message + b"." + encode(signature)).decode()


def encode(part: bytes) -> bytes:
    """Encode one part of a token."""
    return base64.urlsafe_b64encode(part).rstrip(b"=")
