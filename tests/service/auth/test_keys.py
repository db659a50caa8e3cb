"""Keys from a secret and from PEM files."""

from pathlib import Path

import pytest

from service.auth.keys import file_key, secret_key
from service.settings import KEY_ALGORITHMS, SettingsError
from tests.support.tokens import SECRET, jwk, key_set, private_pem, public_pem


@pytest.mark.parametrize(
    ("kind", "algorithms"),
    [
        ("RSA", {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        ("P-256", {"ES256"}),
        ("P-384", {"ES384"}),
        ("P-521", {"ES512"}),
        ("Ed25519", {"EdDSA"}),
    ],
)
def test_a_file_key_has_the_algorithms_of_its_type(tmp_path: Path, kind: str, algorithms: set[str]) -> None:
    """Those of them that are accepted, and no others."""
    path = tmp_path / "key.pem"
    path.write_bytes(public_pem(kind))

    assert set(file_key(path, KEY_ALGORITHMS).algorithms) == algorithms


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "no public key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key"),
        (b"\xff" * 100_000, "no public key"),
        (private_pem("RSA"), "private key"),
        (private_pem("P-256"), "private key"),
        (public_pem("short RSA"), "1024 bits"),
        (public_pem("secp256k1"), "goes with none of"),
        (public_pem("Ed448"), "goes with none of"),
        (public_pem("P-384"), "goes with none of ES256, RS256"),
    ],
)
def test_files_without_a_usable_key(tmp_path: Path, content: bytes, fault: str) -> None:
    """One sentence names the file and what is wrong with it."""
    path = tmp_path / "key.pem"
    path.write_bytes(content)

    with pytest.raises(SettingsError) as caught:
        file_key(path, ("RS256", "ES256"))

    assert str(path) in str(caught.value)
    assert fault in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """It may have been removed since the settings were read."""
    with pytest.raises(SettingsError) as caught:
        file_key(tmp_path / "none.pem", ("RS256",))

    assert "cannot be read" in str(caught.value)


def test_a_secret_key_has_the_accepted_algorithms() -> None:
    """Those of its family, and no others."""
    assert set(secret_key(SECRET, ("HS256", "RS256")).algorithms) == {"HS256"}


@pytest.mark.parametrize("text", [public_pem("RSA"), public_pem("P-256"), key_set(jwk("RSA"))])
def test_a_public_key_is_not_taken_for_a_secret(text: bytes) -> None:
    """Anyone can read it, and could sign tokens with it; the message does not repeat it."""
    with pytest.raises(SettingsError) as caught:
        secret_key(text.decode(), ("HS256",))

    assert str(caught.value) == "jwt_secret: is a public key, a certificate or a JWK, not a secret"


def test_a_key_does_not_show_its_secret() -> None:
    """A log line or a traceback may hold its repr."""
    assert SECRET not in repr(secret_key(SECRET, ("HS256",)))
