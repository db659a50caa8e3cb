"""The types of settings: how the text of an option or variable becomes a value, and what else is declared of one."""

import re
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import NamedTuple

# The kernel's limit on the address of a Unix socket, 108, less the null byte at its end.
MAX_SOCKET_PATH_BYTES = 107

# What `forwarded_allow_ips` calls every peer, and those that connect by a Unix socket.
ANY_PEER = "*"
UNIX_PEER = "unix:"

_URL_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")


class Kind(NamedTuple):
    """A type of setting: its placeholder on the command line, its parser, and its name in messages."""

    metavar: str
    parse: Callable[[str], object]
    words: str


class Rule(NamedTuple):
    """The declaration of one setting besides its name, type and default; `least` and `most` are inclusive bounds."""

    kind: Kind
    help: str
    least: float | None = None
    most: float = 0
    choices: tuple[str | int, ...] = ()
    shown: str = ""  # the default in words, where it is not a constant


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _flag(text: str) -> bool:
    if text.lower() not in {"true", "1", "false", "0"}:
        raise ValueError(text)
    return text.lower() in {"true", "1"}


def _hosts(text: str) -> tuple[str, ...]:
    """Return the hosts of a list, which has one at least, without the brackets of IPv6 addresses."""
    hosts = tuple(name.removeprefix("[").removesuffix("]") for name in _names(text))
    if not all(hosts) or not hosts:
        raise ValueError(text)
    return hosts


def _socket_path(text: str) -> Path:
    if not text or len(text.encode()) > MAX_SOCKET_PATH_BYTES:
        raise ValueError(text)
    return Path(text)


def _url_prefix(text: str) -> str:
    """Return a path without the slash at its end: empty for the root."""
    prefix = text.rstrip("/")
    if not _URL_PREFIX.fullmatch(prefix) or {".", ".."} & set(prefix.split("/")):
        raise ValueError(text)
    return prefix


def _networks(text: str) -> tuple[str, ...]:
    names = _names(text)
    for name in names:
        if name not in {ANY_PEER, UNIX_PEER}:
            ip_network(name)
    return names


FLAG = Kind("", _flag, "true or false")
TEXT = Kind("TEXT", str, "a text")
FOLDER = Kind("DIR", Path, "a folder")
OWN_FOLDER = Kind("DIR", Path, "a path")  # made where there is none
FILE = Kind("FILE", Path, "a file")
EXISTING = Kind("PATH", Path, "a path")
WHOLE = Kind("N", int, "a whole number")
BYTES = Kind("BYTES", int, "a whole number of bytes")
SHARE = Kind("SHARE", float, "a number")
SECONDS = Kind("SECONDS", float, "a number of seconds")
HOSTS = Kind("LIST", _hosts, "a list of hosts with commas")
NAMES = Kind("LIST", _names, "a list with commas")
SOCKET = Kind("FILE", _socket_path, f"a path of at most {MAX_SOCKET_PATH_BYTES} bytes")
URL_PREFIX = Kind("PATH", _url_prefix, "a path like /prefix, of letters, digits and -._~")
NETWORKS = Kind("LIST", _networks, "a list with commas of addresses, networks like 10.0.0.0/8, * and unix:")
