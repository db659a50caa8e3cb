"""One small document over HTTP, with a bound for everything that a key server could do wrong.

On the event loop and not in a thread: only there one deadline covers connecting, TLS, headers and body, and a
server that sends a byte a second cannot hold anything.
"""

import asyncio
import ssl
from urllib.parse import urlsplit

import h11

# Large providers' key sets have 2 to 20 KiB.
MAX_BYTES = 256 * 1024

# A key server that needs longer is as good as down; the next attempt is half a minute away.
MAX_SECONDS = 5.0

_CHUNK = 64 * 1024


class FetchError(Exception):
    """A document that could not be had, and why; never with its address or content."""


async def fetch(url: str, limit_s: float = MAX_SECONDS) -> bytes:
    """Return the document at `url`; a redirect is an error, since it leads where nobody configured.

    Raises: FetchError.
    """
    try:
        async with asyncio.timeout(limit_s):
            return await _fetch(url)
    except TimeoutError as error:
        raise FetchError(f"no complete answer in {limit_s:g} s") from error
    except (OSError, h11.ProtocolError) as error:
        raise FetchError(f"{type(error).__name__} while talking to the server") from error


async def _fetch(url: str) -> bytes:
    parts = urlsplit(url)
    secure = ssl.create_default_context() if parts.scheme == "https" else None
    port = parts.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure)
    try:
        target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
        headers = [("Host", parts.netloc), ("Accept", "application/json"), ("Connection", "close")]
        connection = h11.Connection(h11.CLIENT)
        request = h11.Request(method="GET", target=target, headers=headers)
        writer.write(connection.send(request) + connection.send(h11.EndOfMessage()))
        return await _read(connection, reader)
    finally:
        # Without waiting for a farewell that may not come.
        writer.transport.abort()


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> bytes:
    document = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Response) and event.status_code != 200:
            raise FetchError(f"the server answered with status {event.status_code}")
        elif isinstance(event, h11.Data):
            document += event.data
            if len(document) > MAX_BYTES:
                raise FetchError(f"the document has more than {MAX_BYTES} bytes")
        elif isinstance(event, h11.EndOfMessage):
            return bytes(document)
