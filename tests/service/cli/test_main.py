"""The table of commands agrees with the commands that it names."""

import subprocess
import sys

import click
import pytest

from service.cli.main import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_shows_the_first_sentence_of_each_command(name: str) -> None:
    """`scorepool --help` writes it without loading the command."""
    command = main.get_command(click.Context(main), name)

    assert command is not None
    assert (command.help or "").startswith(COMMANDS[name][1])


def test_help_loads_no_command() -> None:
    """Neither gensim nor the server is imported for a list of commands."""
    code = (
        "import sys; from click.testing import CliRunner; from service.cli.main import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "print(*{'gensim', 'numpy', 'rich', 'uvicorn'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""
