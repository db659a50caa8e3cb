"""The keys that verify tokens, and where they come from: a secret or a PEM file here, a key set in `jwks`.

A key carries the algorithms of its own family, so that no token can choose one of another: an RSA key never
verifies HS256, regardless of what the token's header says (RFC 8725, 3.1).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import InvalidKeyError, get_algorithm_by_name
from jwt.algorithms import AllowedPublicKeys

from service.settings import SECRET_ALGORITHMS, SettingsError

RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")

CURVE_ALGORITHMS = MappingProxyType({"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"})

# NIST SP 800-131A allows no shorter keys. A signature is verified on the event loop, and the time grows with the
# square of the length: 8,192 bits take 0.3 ms, and issuers do not use more.
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192

# A public key in PEM form has at most a few KiB.
MAX_PEM_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Key:
    """A key that verifies signatures, and the algorithms (names of RFC 7518) that it may be used for.

    `material` is the bytes of an HMAC secret, or a public key.
    """

    material: AllowedPublicKeys | bytes = field(repr=False)
    algorithms: Sequence[str]


class KeySource(Protocol):
    """Where the keys come from. Everything here belongs to the event loop's thread."""

    # Changes when keys are replaced: tokens that were verified before have to be verified again.
    generation: int

    @property
    def ready(self) -> bool:
        """Whether there are keys that can verify tokens now."""

    def find(self, kid: str | None) -> Sequence[Key]:
        """Return the keys for a token whose header names `kid` (None: it names none)."""

    async def learn(self, kid: str | None) -> None:
        """Try to get a key that `find` did not return; returns at once where there is no chance to."""

    async def start(self) -> None:
        """Begin to refresh the keys in the background."""

    async def stop(self) -> None:
        """Stop refreshing."""


class FixedKey:
    """The single key of a secret or a file; a token's kid is ignored."""

    generation = 0
    ready = True

    def __init__(self, key: Key) -> None:
        self._keys = (key,)

    def find(self, kid: str | None) -> Sequence[Key]:
        """Return the key."""
        return self._keys

    async def learn(self, kid: str | None) -> None:
        """Do nothing: the key never changes."""

    async def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""


def secret_key(secret: str, accepted: Collection[str]) -> Key:
    """Return the key of a shared secret.

    Raises: SettingsError for the text of a public key, with which anyone could sign tokens.
    """
    try:
        get_algorithm_by_name("HS256").prepare_key(secret)
    except InvalidKeyError:
        raise SettingsError(["jwt_secret: is a public key, a certificate or a JWK, not a secret"]) from None
    return Key(secret.encode(), [name for name in SECRET_ALGORITHMS if name in accepted])


def file_key(path: Path, accepted: Collection[str]) -> Key:
    """Return the public key in a PEM file.

    Raises: SettingsError when the file holds none, or one that no accepted algorithm can use.
    """
    try:
        with path.open("rb") as file:
            return public_key(_load_pem(file.read(MAX_PEM_BYTES)), accepted)
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except ValueError as error:
        reason = str(error)
    raise SettingsError([f"jwt_public_key_file: {path} {reason}"])


def _load_pem(pem: bytes) -> Any:
    if b"PRIVATE KEY" in pem:
        raise ValueError("holds a private key; the service needs, and should have, only the public one")
    try:
        return load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("holds no public key in PEM form") from None


def public_key(material: Any, accepted: Collection[str]) -> Key:
    """Return a public key with those accepted algorithms that belong to its type.

    Raises: ValueError that says what is wrong with the key; also for private and symmetric keys.
    """
    algorithms = [name for name in _algorithms_of(material) if name in accepted]
    if not algorithms:
        raise ValueError(f"holds a key that goes with none of {', '.join(sorted(accepted))}")
    return Key(material, algorithms)


def _algorithms_of(material: Any) -> Sequence[str]:
    if isinstance(material, RSAPublicKey):
        if not MIN_RSA_BITS <= material.key_size <= MAX_RSA_BITS:
            raise ValueError(
                f"holds an RSA key of {material.key_size} bits, not {MIN_RSA_BITS} to {MAX_RSA_BITS}"
            )
        return RSA_ALGORITHMS
    if isinstance(material, EllipticCurvePublicKey):
        name = CURVE_ALGORITHMS.get(material.curve.name)
        return (name,) if name else ()
    return ("EdDSA",) if isinstance(material, Ed25519PublicKey) else ()
