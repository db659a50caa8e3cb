"""Commands that call a service: the options that say which, and the client, a distribution of its own."""

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

import click

from service.cli.input_errors import InputError

URL = click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Where the service is.")


def token_option(scope: str) -> Callable[..., Any]:
    """Return the option of the token, which needs this scope."""
    return click.option(
        "--token",
        envvar="SCOREPOOL_TOKEN",
        help=f"With the scope `{scope}`  [default: signed with SCOREPOOL_JWT_SECRET]",
    )


def import_with_client(module: str) -> ModuleType:
    """Import one of our modules that uses the client. Raises: InputError when that is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != "scorepool_client":
            raise
        raise InputError("this needs the client; install it: pip install scorepool-client") from error
