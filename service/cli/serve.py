"""`scorepool serve`: runs the service; every setting is an option."""

import os
from collections.abc import Callable
from typing import Any

import click

from service.cli.input_errors import input_errors
from service.configuration import load
from service.server import run
from service.settings import declared


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` one option for each setting of the service."""
    for setting in reversed(declared()):
        shown = f"  [{setting.environment}{'; default: ' + setting.default if setting.default else ''}]"
        kind: dict[str, Any] = {"metavar": setting.metavar}
        if not setting.metavar:
            kind = {"is_flag": True, "flag_value": "true", "default": None}
        command = click.option(setting.flag, setting.name, help=setting.help + shown, **kind)(command)
    return command


@click.command()
@settings_options
def command(**options: Any) -> None:
    """Run the service. Every option is also an environment variable, and a name in the file of --config.

    An option takes precedence over the environment, and that over the file.
    """
    with input_errors():
        settings = load(options, os.environ)
    raise SystemExit(run(settings))
