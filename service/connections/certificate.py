"""The certificate that the server shows, and how it is changed under a running server."""

import logging
import ssl
from datetime import UTC
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificate

from service.settings import Settings, SettingsError

logger = logging.getLogger(__name__)


class Certificate:
    """A certificate with its key in two files. `context` is for new connections; open ones keep theirs."""

    def __init__(self, certificate_file: Path, key_file: Path) -> None:
        """Read the files. Raises: SettingsError when they hold no certificate with its key."""
        self._files = certificate_file, key_file
        self.context = self._load()

    def reload(self) -> None:
        """Read the files again. Raises: SettingsError for files that cannot be used; then all stays as it was."""
        self.context = self._load()

    async def reload_on_signal(self) -> None:
        """Read the files again; files that cannot be used are logged."""
        try:
            self.reload()
        except SettingsError as error:
            logger.error("certificate_rejected", extra={"detail": str(error)})  # noqa: TRY400 - told without a trace

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        try:
            # Without the password OpenSSL would ask for one on the terminal.
            context.load_cert_chain(*self._files, password=lambda: b"")
            expires = load_pem_x509_certificate(self._files[0].read_bytes()).not_valid_after_utc
        except (OSError, ValueError) as error:
            files = " and ".join(map(str, self._files))
            fault = f"tls_certificate_file, tls_key_file: {files} cannot be used: {_reason(error)}"
            raise SettingsError([fault]) from error
        logger.info("certificate_loaded", extra={"expires": expires.astimezone(UTC).isoformat()})
        return context


def read_certificate(settings: Settings) -> Certificate | None:
    """Return the certificate of the settings, None without one. Raises: SettingsError when it cannot be used."""
    if settings.tls_certificate_file is None or settings.tls_key_file is None:
        return None
    return Certificate(settings.tls_certificate_file, settings.tls_key_file)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        return error.strerror or str(error)
    return "no certificate, or no key without a password, in PEM"
