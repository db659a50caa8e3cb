"""Clients that score the same documents without pause, and how their requests ended."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.support.server import DOCUMENTS, TIMEOUT_S


class SteadyRequests:
    """Clients that ask without pause, each on a connection of its own, until they are told to stop."""

    def __init__(self, url: str, headers: dict[str, str], pause_s: float = 0.0) -> None:
        self.answers: Counter[str] = Counter()
        self.slowest_s = 0.0
        self._url = urlsplit(url)
        self._headers = headers
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._lock = threading.Lock()

    @contextmanager
    def running(self, clients: int) -> Iterator["SteadyRequests"]:
        """Ask while the block runs."""
        threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _ask(self) -> None:
        assert self._url.hostname is not None
        connection = http.client.HTTPConnection(self._url.hostname, self._url.port, timeout=TIMEOUT_S)
        while not self._stop.wait(self._pause_s):
            begin = time.monotonic()
            try:
                connection.request("POST", f"{self._url.path}/score", DOCUMENTS, self._headers)
                answer = connection.getresponse()
                answer.read()
                what = str(answer.status)
            except (OSError, http.client.HTTPException) as error:
                what = type(error).__name__
                connection.close()
            with self._lock:
                self.answers[what] += 1
                self.slowest_s = max(self.slowest_s, time.monotonic() - begin)
        connection.close()
