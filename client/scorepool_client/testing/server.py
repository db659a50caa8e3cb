"""The fake over a socket of this machine: an HTTP server of the standard library in threads of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from scorepool_client.exchange import Reply
from scorepool_client.testing.answers import RecordedRequest


@dataclass(frozen=True, slots=True)
class Cut:
    """In place of a stream of an answer: its connection ends after so many bytes of its body."""

    after: int


Answer = Callable[[RecordedRequest], Reply]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1 until the end of the block; yield the address.

    A connection whose request makes `answer` raise OSError is closed without an answer.
    """
    server = _Server(answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            self._send(
                self.server.answer(
                    RecordedRequest(self.command, url.path, headers, body, dict(parse_qsl(url.query)))
                )
            )
        except OSError:  # the fake ends the connection, or its client has
            self.close_connection = True

    do_POST = do_DELETE = do_GET  # noqa: N815  # the library's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Log nothing."""

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(reply.body)))
        self.end_headers()
        if isinstance(reply.stream, Cut):
            self.wfile.write(reply.body[: reply.stream.after])
            raise ConnectionResetError("ended by the fake")
        self.wfile.write(reply.body)
