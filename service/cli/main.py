"""The `scorepool` command: which commands there are, one module each, loaded when it is the one that runs.

`scorepool token` must not wait for gensim to load, and the server process must never load it. Exit codes: 0
done, 2 bad usage or bad input (one sentence on standard error, see `input_errors`), 1 an internal fault.
"""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

import click

from service.cli.startup import raise_on_signals

# Name, module, and the first sentence of its help, which `scorepool --help` shows without loading the module.
COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "serve": ("serve", "Run the service."),
        "train": ("train", "Train a bundle on CORPUS."),
        "import": ("import_model", "Make a bundle of an existing fastText model and a K-Means."),
        "score": ("score", "Score the documents of INPUT, here, on a cluster or by a service."),
        "jobs": ("jobs", "Have a service score corpora of any size."),
        "inspect": ("inspect", "Print what is in a bundle."),
        "new-scorer": (
            "new_scorer",
            "Write a folder NAME with a scorer, a test that drives it through a real pool, and a README.",
        ),
        "check-scorer": ("check_scorer", "Prove a scorer before it serves."),
        "try-scorer": ("try_scorer", "Run one request through a scorer, without a server."),
        "token": ("issue_token", "Print a token for development."),
        "top": ("top", "Watch a running service: slots, queue, rates and latency."),
        "capacity": ("capacity", "Say what this machine can serve, and what a load needs."),
        "openapi": ("openapi", "Print the OpenAPI document."),
    }
)


class CommandGroup(click.Group):
    """Loads a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load and return a command, None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"service.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their first sentences, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="scorepool")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Score documents: vectors, clusters and the similarity of each with every other."""
    if ctx.invoked_subcommand != "serve":
        raise_on_signals()
