"""A key server on the loopback interface whose answer is chosen by the test."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def answering(body: bytes, status: str = "200 OK", *fields: str) -> Answer:
    """Return an answer that is one complete response."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()

    return answer


@dataclass
class KeyServer:
    """An issuer's key server: its port, its answer, and the number of requests so far."""

    port: int
    answer: Answer
    n_requests: int = 0

    @property
    def url(self) -> str:
        """Return the address of the key set."""
        return f"http://127.0.0.1:{self.port}/keys"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.n_requests += 1
            await self.answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client closed the connection
        finally:
            writer.close()


@asynccontextmanager
async def key_server(answer: Answer) -> AsyncIterator[KeyServer]:
    """Run a key server on the running event loop."""
    issuer = KeyServer(0, answer)
    server = await asyncio.start_server(issuer.serve, "127.0.0.1", 0)
    issuer.port = server.sockets[0].getsockname()[1]
    try:
        yield issuer
    finally:
        server.close()


@contextmanager
def key_server_in_thread(answer: Answer) -> Iterator[KeyServer]:
    """Run a key server in another thread, with an event loop of its own."""
    issuer, ready, loop = KeyServer(0, answer), threading.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        server = await asyncio.start_server(issuer.serve, "127.0.0.1", 0)
        issuer.port = server.sockets[0].getsockname()[1]
        ready.set()
        try:
            await server.serve_forever()
        finally:
            server.close()

    task = loop.create_task(serve())

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield issuer
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
