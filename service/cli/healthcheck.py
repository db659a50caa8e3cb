"""Asks a probe of the service on this machine: `python -m service.cli.healthcheck [PATH]`, status 0 when it is well.

For container engines that run a command inside the container; images need no curl for it. It imports nothing
of the service, to be quick.
"""

import http.client
import os
import sys
from collections.abc import Mapping

# Docker's own default for a whole check is 30 s; a probe is promised within 0.1 s.
PATIENCE_S = 2.0


def address(environ: Mapping[str, str]) -> tuple[str, int]:
    """Return where the service listens by its settings in the environment, on this machine."""
    host, port = environ.get("SCOREPOOL_HOST", ""), environ.get("SCOREPOOL_PORT", "")
    # Neither every address of a machine nor what Kubernetes sets for a service called scorepool can be asked.
    return (
        "127.0.0.1" if host in {"", "0.0.0.0"} else "::1" if host == "::" else host,  # noqa: S104
        int(port) if port.isdigit() else 8000,
    )


def is_well(path: str, environ: Mapping[str, str]) -> bool:
    """Tell whether the probe at `path` answers 200 in time."""
    connection = http.client.HTTPConnection(*address(environ), timeout=PATIENCE_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if is_well(sys.argv[1] if len(sys.argv) > 1 else "/livez", os.environ) else 1)
