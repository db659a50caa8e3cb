"""Holds a server against real clients, proxies and environments: `python -m tests.programs.real_clients`.

Prints a row for each check with its verdict; what is not installed is said and not run. The exit status is 1 if
a check failed. Debian's packages: nginx haproxy curl nodejs default-jre-headless; `--python` names an
interpreter that has requests and aiohttp.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.programs.real_clients.checks import Check, Verdict, judge
from tests.programs.real_clients.clients import client_checks, write_bodies
from tests.programs.real_clients.environments import environment_checks
from tests.programs.real_clients.proxies import proxy_checks
from tests.support.demo_bundle import given_or_demo_bundle
from tests.support.proxies import SETTINGS, await_answer
from tests.support.server import running_server


def all_checks(bundle: Path, folder: Path, python: str) -> Iterator[Check]:
    """Yield every check; those of clients and proxies while their server runs."""
    bodies = write_bodies(folder)
    settings = {**SETTINGS, "drain_delay_s": 0, "log_level": "warning"}
    with running_server(bundle, scripted=False, **settings) as server:  # type: ignore[arg-type]
        await_answer(f"{server.url}/readyz")
        yield from client_checks(server, bodies, python)
        yield from proxy_checks(bundle, server, bodies)
    yield from environment_checks(bundle)


def main() -> int:
    """Run the checks that the command line asks for."""
    parser = argparse.ArgumentParser(description="hold a server against real clients")
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--python", default=sys.executable, help="an interpreter with requests and aiohttp")
    parser.add_argument("--only", default="", help="the checks whose name contains this")
    given = parser.parse_args()
    with given_or_demo_bundle(given.bundle) as bundle, tempfile.TemporaryDirectory() as folder:
        checks = all_checks(bundle, Path(folder), given.python)
        verdicts = [judge(check) for check in checks if given.only in check.name]
    print(", ".join(f"{verdicts.count(verdict)} {verdict.value}" for verdict in Verdict))
    return 1 if Verdict.FAILED in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
