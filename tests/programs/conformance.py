"""Runs all checks of schemathesis against a running server: `python -m tests.programs.conformance`.

schemathesis needs an environment of its own, since its dependencies differ; `--program` is the path to it.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from service.cli.issue_token import TokenClaims, sign_token
from tests.support.demo_bundle import given_or_demo_bundle
from tests.support.server import running_server
from tests.support.tokens import SECRET

# Of a token that may do everything.
_CLAIMS = TokenClaims("ann", scope="status admin jobs jobs.all")

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
        TemporaryDirectory() as state,
        running_server(
            bundle, scripted=False, log_level="error", state_dir=state, state_reserve_bytes=0, max_jobs=1_000
        ) as server,
    ):
        command = [given.program, "--config-file", str(CONFIGURATION), "run", f"{server.url}/openapi.json"]
        options = ["--checks", "all", "--continue-on-failure", "--max-examples", str(given.examples)]
        token = ["--header", f"Authorization: Bearer {sign_token(SECRET, _CLAIMS)}"]
        return subprocess.run([*command, *options, *token], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
