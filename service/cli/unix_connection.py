"""HTTP over a Unix socket, with the standard library alone."""

import http.client
import socket


class UnixConnection(http.client.HTTPConnection):
    """A connection to the service that listens at a path."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("scorepool", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect. Raises: OSError."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
