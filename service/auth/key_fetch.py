"""Fetching an issuer's key set over HTTP with httpx, with a bound for each way in which a server can misbehave.

`service.app` imports this module only where a key server is configured: httpx takes 0.1 s to import.
"""

import asyncio
import logging
import ssl

import httpx

from service.auth.jwks import FetchError

# The key sets of large providers have 2 to 20 KiB.
MAX_BYTES = 256 * 1024

# From the connection to the last byte. A key server that needs longer counts as down; the next attempt follows in
# half a minute.
MAX_SECONDS = 5.0

# Not compressed: the bound on bytes would otherwise hold for what arrives, not for what it expands to.
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "Connection": "close"}


class KeyFetcher:
    """Fetches the document at an address. Called on the event loop, where one deadline bounds the whole exchange."""

    def __init__(self, limit_s: float = MAX_SECONDS) -> None:
        """Load the system's trusted certificates, which takes 20 ms: to be made before the event loop serves."""
        self._limit_s = limit_s
        self._tls = ssl.create_default_context()
        # httpx logs a line at INFO for every request, httpcore several at DEBUG.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)

    async def __call__(self, url: str) -> bytes:
        """Return the document; a redirect is an error, since it leads to an address that was not configured.

        Raises: FetchError.
        """
        try:
            async with asyncio.timeout(self._limit_s):
                return await self._fetch(url)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise FetchError(f"no complete answer in {self._limit_s:g} s") from error
        except (OSError, httpx.HTTPError, httpx.InvalidURL, ImportError, ValueError) as error:
            # The last two come from the address of a proxy in the environment (SOCKS needs another package).
            raise FetchError(f"{_cause_of(error)} while talking to the server") from error

    async def _fetch(self, url: str) -> bytes:
        # A plain `http://` address is allowed for this machine alone, so it must never go through a proxy.
        use_proxy = url.lower().startswith("https:")
        async with (
            httpx.AsyncClient(verify=self._tls, trust_env=use_proxy, timeout=self._limit_s) as client,
            client.stream("GET", url, headers=_HEADERS) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise FetchError(f"the server answered with status {response.status_code}")
            document = bytearray()
            async for chunk in response.aiter_raw():
                document += chunk
                if len(document) > MAX_BYTES:
                    raise FetchError(f"the document has more than {MAX_BYTES} bytes")
            return bytes(document)


def _cause_of(error: BaseException) -> str:
    """Return the class of the innermost cause, the only one that tells a wrong certificate from a closed port."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return type(error).__name__
