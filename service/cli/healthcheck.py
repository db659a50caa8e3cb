"""Checks the health of the service on this machine: `python -m service.cli.healthcheck [PATH]`.

The exit status is 0 when the probe at PATH (default `/livez`) answers 200, else 1. It is for container engines
that run a command inside the container, so that the image needs no curl. It finds the service by the settings in
the environment, and in the file that SCOREPOOL_CONFIG names; options of `scorepool serve` it cannot see. It imports
next to nothing of the service and so starts quickly.
"""

import http.client
import os
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path

from service.cli.unix_connection import UnixConnection

# A probe is promised an answer within 0.1 s. Docker's default for the whole check is 30 s.
TIMEOUT_S = 2.0


def service_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that say where the service listens, as texts; empty where they are not given."""
    names = ("host", "port", "uds", "tls_certificate_file")
    given = {name: environ.get(f"SCOREPOOL_{name.upper()}", "") for name in names}
    if config := environ.get("SCOREPOOL_CONFIG"):
        given |= {
            name: text for name, text in _in_file(Path(config)).items() if name in names and not given[name]
        }
    return given


def _in_file(config: Path) -> dict[str, str]:
    import tomllib  # noqa: PLC0415 - only where there is a file

    values = tomllib.loads(config.read_text(encoding="utf-8"))
    texts = {
        name: ",".join(value) if isinstance(value, list) else str(value) for name, value in values.items()
    }
    return texts | ({"uds": str(config.parent / texts["uds"])} if "uds" in texts else {})


def service_address(given: Mapping[str, str]) -> tuple[str, int]:
    """Return the host and port of the service on this machine, by its settings."""
    # Of several hosts any will do. 0.0.0.0 and :: listen on every address, so the loopback address reaches them. In
    # a pod next to a service called scorepool, Kubernetes sets SCOREPOOL_PORT=tcp://…, which is no port number.
    port = given["port"]
    hosts = given["host"].replace(",", " ").split()
    host = hosts[0].strip("[]") if hosts else ""
    return (
        "127.0.0.1" if host in {"", "0.0.0.0"} else "::1" if host == "::" else host,  # noqa: S104
        int(port) if port.isdigit() else 8000,
    )


def connect(given: Mapping[str, str]) -> http.client.HTTPConnection:
    """Return a connection to the service with these settings, not opened yet."""
    if given["uds"]:
        return UnixConnection(given["uds"], TIMEOUT_S)
    address = service_address(given)
    if not given["tls_certificate_file"]:
        return http.client.HTTPConnection(*address, timeout=TIMEOUT_S)
    # The certificate is for the name that clients use, which is not that of this address, and nothing secret is sent.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(*address, timeout=TIMEOUT_S, context=context)


def is_healthy(path: str, environ: Mapping[str, str]) -> bool:
    """Return whether the probe at `path` answers 200 within `TIMEOUT_S`."""
    connection: http.client.HTTPConnection | None = None
    try:
        connection = connect(service_settings(environ))
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        if connection is not None:
            connection.close()


if __name__ == "__main__":
    sys.exit(0 if is_healthy(sys.argv[1] if len(sys.argv) > 1 else "/livez", os.environ) else 1)
