"""Checks the health of the service on this machine: `python -m service.cli.healthcheck [PATH]`.

The exit status is 0 when the probe at PATH (default `/livez`) answers 200, else 1. It is for container engines
that run a command inside the container, so that the image needs no curl. It imports nothing of the service
and so starts quickly.
"""

import http.client
import os
import sys
from collections.abc import Mapping

# A probe is promised an answer within 0.1 s. Docker's default for the whole check is 30 s.
TIMEOUT_S = 2.0


def service_address(environ: Mapping[str, str]) -> tuple[str, int]:
    """Return the host and port of the service on this machine, by its settings in the environment."""
    port = environ.get("SCOREPOOL_PORT", "")
    # Of several hosts any will do. 0.0.0.0 and :: listen on every address, so the loopback address reaches them. In
    # a pod next to a service called scorepool, Kubernetes sets SCOREPOOL_PORT=tcp://…, which is no port number.
    hosts = environ.get("SCOREPOOL_HOST", "").replace(",", " ").split()
    host = hosts[0].strip("[]") if hosts else ""
    return (
        "127.0.0.1" if host in {"", "0.0.0.0"} else "::1" if host == "::" else host,  # noqa: S104
        int(port) if port.isdigit() else 8000,
    )


def is_healthy(path: str, environ: Mapping[str, str]) -> bool:
    """Return whether the probe at `path` answers 200 within `TIMEOUT_S`."""
    connection = http.client.HTTPConnection(*service_address(environ), timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if is_healthy(sys.argv[1] if len(sys.argv) > 1 else "/livez", os.environ) else 1)
