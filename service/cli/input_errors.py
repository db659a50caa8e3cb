"""Faults that the user of a command can correct: one sentence on standard error and exit code 2."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from scoring.errors import ScoringError
from service.errors import StartError
from service.settings import SettingsError


class InputError(click.ClickException):
    """A fault that the user can correct: click prints it on standard error and exits with code 2."""

    exit_code = 2


@contextmanager
def input_errors() -> Iterator[None]:
    """Turn bad input, settings and scorers, and files that cannot be read or written, into an `InputError`."""
    try:
        yield
    except SettingsError as error:
        raise InputError("\n".join(error.faults)) from error
    except (ScoringError, StartError) as error:
        raise InputError(str(error)) from error
    except BrokenPipeError:
        raise  # the reader of standard output ended, as in `| head`: click exits without a message
    except OSError as error:
        raise InputError(f"{error.filename or 'input or output'}: {error.strerror or error}") from error
