"""Who the client of a proxy is, by the fields that proxies set: for the log alone, no decision is made by it.

X-Forwarded-For: spoofed, 203.0.113.9, 10.0.0.2      each proxy appends the address of its peer
                          ↑            ↑ trusted, as the peer is
                          the client: the rightmost address that is not of a trusted proxy
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from service.connections.http1 import Field
from service.setting_kinds import ANY_PEER, UNIX_PEER

_FOR = b"x-forwarded-for"
_PROTO = b"x-forwarded-proto"
_SCHEMES = frozenset({"http", "https"})

_Address = IPv4Address | IPv6Address


class TrustedProxies:
    """The peers whose fields are believed: addresses, networks, `unix:`, or `*` for all; none by default."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        names = set(names)
        self._every = ANY_PEER in names
        self._unix = UNIX_PEER in names
        self._networks = [ip_network(name) for name in names - {ANY_PEER, UNIX_PEER}]

    def trusts_peer(self, peer: str) -> bool:
        """Return whether the peer at an address is trusted; it is empty for a Unix socket."""
        if self._every:
            return True
        address = _parse(peer)
        return self._unix if address is None else self._trusts(address)

    def forwarded(self, fields: Sequence[Field]) -> dict[str, Any]:
        """Return `client` and `scheme` of the ASGI scope where the fields of a trusted peer say them.

        Addresses count from the right up to the first that is no address; where all are trusted, the leftmost is the
        client. Its port is not known: 0.
        """
        members: dict[str, Any] = {}
        listed = b",".join(value for name, value in fields if name == _FOR).decode("latin-1")
        client: _Address | None = None
        for text in reversed(listed.split(",")):
            address = _parse(text.strip("\t "))
            if address is None:
                break
            client = address
            if not self._every and not self._trusts(address):
                break
        if client is not None:
            members["client"] = (str(client), 0)
        schemes = [value.decode("latin-1").lower() for name, value in fields if name == _PROTO]
        if len(schemes) == 1 and schemes[0] in _SCHEMES:
            members["scheme"] = schemes[0]
        return members

    def _trusts(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


def _parse(text: str) -> _Address | None:
    """Return an address, with or without a port; None for anything else, as a name or `unknown`."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A dual-stack socket shows IPv4 peers as IPv6 addresses.
    return getattr(address, "ipv4_mapped", None) or address
