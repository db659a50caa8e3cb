"""The options of commands that call a service: which, and with what token."""

from collections.abc import Callable
from typing import Any

import click

URL = click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Where the service is.")


def token_option(scope: str) -> Callable[..., Any]:
    """Return the option of the token, which needs this scope."""
    return click.option(
        "--token",
        envvar="SCOREPOOL_TOKEN",
        help=f"With the scope `{scope}`  [default: signed with SCOREPOOL_JWT_SECRET]",
    )
