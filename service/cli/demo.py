"""`make run`: serves the demonstration bundle and prints how to call it.

It writes three things to the folder `.local` below the current one: the bundle, an example request, and the
secret that signs the tokens, readable by its owner only.
"""

import multiprocessing
import os
import secrets
import shlex
import threading
import time
from pathlib import Path

import click
import orjson

from scoring.bundle.bundle import open_bundle
from scoring.errors import BundleError
from service.cli.healthcheck import is_healthy
from service.cli.issue_token import TokenClaims, sign_token
from service.cli.startup import silence_libraries
from service.configuration import load
from service.settings import SettingsError

FOLDER = Path(".local")
BUNDLE = FOLDER / "demo-bundle"
EXAMPLE_REQUEST = FOLDER / "demo-request.json"
SECRET = FOLDER / "jwt-secret"

# A week, in seconds, so that a page that stays open in a tab keeps working.
TOKEN_TTL = 7 * 24 * 3600

# How often readiness is asked for before the instructions are printed.
POLL_S = 0.1


@click.command()
@click.option("--port", default="8000", show_default=True)
@click.option("--workers", help="Worker processes  [default: the CPUs this process may use]")
def main(port: str, workers: str | None) -> None:
    """Serve the demonstration bundle on 127.0.0.1; train it first when it is missing."""
    FOLDER.mkdir(exist_ok=True)
    ensure_bundle()
    secret = read_or_create_secret(SECRET)
    options = {"bundle": BUNDLE, "host": "127.0.0.1", "port": port, "workers": workers, "jwt_secret": secret}
    try:
        settings = load(options, {})
    except SettingsError as error:
        raise click.UsageError("\n".join(error.faults)) from error
    from service.server import run  # noqa: PLC0415 - the process that trains must not import the server

    raise SystemExit(run(settings, announce=lambda url: print_when_ready(url, secret)))


def ensure_bundle() -> None:
    """Build the bundle and the example request when one is missing or the bundle cannot be opened."""
    try:
        open_bundle(BUNDLE)
        if EXAMPLE_REQUEST.exists():
            return
    except BundleError:
        pass
    # In another process: the server must not load gensim, nor keep the memory that training took.
    builder = multiprocessing.get_context("spawn").Process(target=build_bundle)
    builder.start()
    builder.join()
    if builder.exitcode:
        raise SystemExit(builder.exitcode)


def build_bundle() -> None:
    """Train the demonstration bundle and write a request that scores three real documents with it."""
    from scoring.training.demo import build_demo, demo_documents  # noqa: PLC0415 - gensim, only here
    from service.cli.progress import progress_bars  # noqa: PLC0415

    silence_libraries()
    click.echo("Building the demonstration bundle, once; it takes less than a minute.", err=True)
    with progress_bars() as report:
        build_demo(BUNDLE, report, force=BUNDLE.exists())
    EXAMPLE_REQUEST.write_bytes(orjson.dumps({"documents": demo_documents(), "neighbours": 2}))


def read_or_create_secret(path: Path) -> str:
    """Return the secret in `path`; the first call creates it, readable by its owner only."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii")
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))
    return path.read_text(encoding="ascii")


def print_when_ready(url: str, secret: str) -> None:
    """Print the instructions once a worker is ready, so that the pasted line is never answered with 503."""
    environment = {"SCOREPOOL_PORT": url.rpartition(":")[2]}

    def wait() -> None:
        while not is_healthy("/readyz", environment):
            time.sleep(POLL_S)
        click.echo(instructions(url, secret))

    # Beside the event loop, and gone with the process.
    threading.Thread(target=wait, name="instructions", daemon=True).start()


def instructions(url: str, secret: str) -> str:
    """Return the page to open and the command to paste, with a token for `/score` and `/status`."""
    token = sign_token(secret, TokenClaims(subject="demo", scope="status", ttl=TOKEN_TTL))
    body = shlex.quote(EXAMPLE_REQUEST.read_text(encoding="utf-8"))
    headers = f"-H 'Authorization: Bearer {token}' -H 'Content-Type: application/json'"
    return f"\nOpen\n\n  {url}/#token={token}\n\nor paste\n\n  curl -s {url}/score {headers} -d {body}\n"


if __name__ == "__main__":
    main()
