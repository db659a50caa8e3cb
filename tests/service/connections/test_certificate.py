"""The certificate's files: what is accepted, and what a reload changes."""

from pathlib import Path

import pytest

from service.connections.certificate import Certificate
from service.settings import SettingsError
from tests.support.certificates import CertificateFiles, write_certificate


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    """Return a certificate with its key."""
    return write_certificate(tmp_path)


def break_key(files: CertificateFiles) -> None:
    """Write the key of another certificate."""
    other = files.key.parent / "other"
    other.mkdir()
    files.key.write_bytes(write_certificate(other).key.read_bytes())


def encrypt_key(files: CertificateFiles) -> None:
    """Write a pair whose key has a password."""
    write_certificate(files.key.parent, password=b"secret")


def empty_certificate(files: CertificateFiles) -> None:
    """Write nothing where the certificate was."""
    files.certificate.write_bytes(b"")


def delete_key(files: CertificateFiles) -> None:
    """Delete the key."""
    files.key.unlink()


@pytest.mark.parametrize("damage", [break_key, encrypt_key, empty_certificate, delete_key])
def test_a_pair_that_cannot_be_used_is_refused(files: CertificateFiles, damage: object) -> None:
    """At the start, and by a reload, which keeps what there is; no password is asked for."""
    certificate = Certificate(*files)
    context = certificate.context
    assert callable(damage)
    damage(files)

    for read in (certificate.reload, lambda: Certificate(*files)):
        with pytest.raises(
            SettingsError, match=r"certificate\.pem and .*key\.pem cannot be used: [a-z,A-Z ]+"
        ):
            read()
    assert certificate.context is context


def test_a_reload_changes_the_context_of_new_connections(files: CertificateFiles) -> None:
    """Open ones keep the old one, which stays as it was."""
    certificate = Certificate(*files)
    context = certificate.context
    write_certificate(files.key.parent)

    certificate.reload()

    assert certificate.context is not context
