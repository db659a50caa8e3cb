"""The table of commands agrees with the commands that it names."""

import click
import pytest

from service.cli.main import COMMANDS, main
from tests.support.imports import modules_loaded_by


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_shows_the_first_sentence_of_each_command(name: str) -> None:
    """`scorepool --help` writes it without loading the command."""
    command = main.get_command(click.Context(main), name)

    assert command is not None
    assert (command.help or "").startswith(COMMANDS[name][1])


def test_help_loads_no_command() -> None:
    """Neither gensim nor the server is imported for a list of commands."""
    program = (
        "from click.testing import CliRunner; from service.cli.main import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0"
    )

    assert not {"gensim", "numpy", "rich", "uvicorn"} & modules_loaded_by(program)
