"""The keys that verify tokens, and where they come from: a secret or a PEM file here, a key set in `jwks`.

A key carries the algorithms of its own kind, so that no token can choose one of another family: an RSA key
never verifies HS256, whatever the token's header says (RFC 8725, 3.1).
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import get_default_algorithms

from service.settings import SECRET_ALGORITHMS, SettingsError

RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")

CURVE_ALGORITHMS = MappingProxyType({"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"})

# NIST SP 800-131A allows no shorter ones. A signature is verified on the event loop, and the time grows with
# the square of the length: 8,192 bits take 0.3 ms, and nobody issues more.
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192

# A larger file is not one key.
MAX_PEM_BYTES = 64 * 1024


class Key:
    """Something that verifies signatures, and the algorithms that it may be used for."""

    def __init__(self, material: Any, algorithms: Collection[str]) -> None:
        """Bind `material` (HMAC secret as bytes, or a public key) to `algorithms`, names of RFC 7518."""
        known = get_default_algorithms()
        self._material = material
        self._algorithms = {name: known[name] for name in algorithms}

    @property
    def algorithms(self) -> Collection[str]:
        """The names of the algorithms."""
        return self._algorithms.keys()

    def verifies(self, algorithm: str, message: bytes, signature: bytes) -> bool:
        """Tell whether `signature` is that of `message`; False for an algorithm of another kind of key."""
        method = self._algorithms.get(algorithm)
        return method is not None and method.verify(message, self._material, signature)


class KeySource(Protocol):
    """Where the keys come from. Everything here belongs to the event loop's thread."""

    # Changes whenever keys were replaced: what was verified before has to be verified again.
    generation: int

    @property
    def ready(self) -> bool:
        """Whether there are keys at all."""

    def find(self, kid: str | None) -> Sequence[Key]:
        """Return the keys that a token naming `kid` may be verified with."""

    async def learn(self, kid: str | None) -> None:
        """Look once more for a key that `find` did not return; quick where that makes no sense."""

    async def start(self) -> None:
        """Begin to keep the keys fresh."""

    async def stop(self) -> None:
        """Stop doing so."""


class FixedKey:
    """The one key of a secret or a file. A token's kid does not matter: there is nothing to choose from."""

    generation = 0
    ready = True

    def __init__(self, key: Key) -> None:
        self._keys = (key,)

    def find(self, kid: str | None) -> Sequence[Key]:
        """Return the key."""
        return self._keys

    async def learn(self, kid: str | None) -> None:
        """Do nothing: there will never be another one."""

    async def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""


def secret_key(secret: str, accepted: Collection[str]) -> Key:
    """Return the key of a shared secret."""
    return Key(secret.encode(), [name for name in SECRET_ALGORITHMS if name in accepted])


def file_key(path: Path, accepted: Collection[str]) -> Key:
    """Return the public key in a PEM file.

    Raises: SettingsError when there is none, or none that the accepted algorithms can use.
    """
    try:
        with path.open("rb") as file:
            return public_key(_load_pem(file.read(MAX_PEM_BYTES)), accepted)
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except ValueError as error:
        reason = str(error)
    raise SettingsError([f"jwt_public_key_file: {path} {reason}"])


def _load_pem(pem: bytes) -> object:
    if b"PRIVATE KEY" in pem:
        raise ValueError("holds a private key; the service needs, and should have, only the public one")
    try:
        return load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("holds no public key in PEM form") from None


def public_key(material: object, accepted: Collection[str]) -> Key:
    """Bind a public key to those accepted algorithms that belong to its kind.

    Raises: ValueError that says what is wrong with the key.
    """
    algorithms = [name for name in _algorithms_of(material) if name in accepted]
    if not algorithms:
        raise ValueError(f"holds a key that goes with none of {', '.join(sorted(accepted))}")
    return Key(material, algorithms)


def _algorithms_of(material: object) -> Sequence[str]:
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
