"""Runs all checks of schemathesis against a running server: `python -m tests.programs.conformance`.

schemathesis needs an environment of its own, since its dependencies differ; `--program` is the path to it.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from tests.support.demo_bundle import given_or_demo_bundle
from tests.support.server import running_server

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


def main() -> int:
    """Run as the command line says; return schemathesis' exit status."""
    parser = argparse.ArgumentParser(description="check a server against its OpenAPI document")
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--program", default="schemathesis")
    parser.add_argument("--examples", type=int, default=1_500, help="cases for each operation")
    given = parser.parse_args()
    with (
        given_or_demo_bundle(given.bundle) as bundle,
        running_server(bundle, scripted=False, log_level="error") as server,
    ):
        command = [given.program, "--config-file", str(CONFIGURATION), "run", f"{server.url}/openapi.json"]
        options = ["--checks", "all", "--continue-on-failure", "--max-examples", str(given.examples)]
        token = ["--header", f"Authorization: Bearer {server.token}"]
        return subprocess.run([*command, *options, *token], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
