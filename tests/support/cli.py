"""The `scorepool` command, run in this process."""

from pathlib import Path

from click.testing import CliRunner, Result
from gensim.test.utils import datapath

from service.cli.main import main

CORPUS = datapath("lee_background.cor")


def scorepool(*words: str | Path) -> Result:
    """Run a command with these arguments in this process."""
    return CliRunner().invoke(main, [str(word) for word in words])
