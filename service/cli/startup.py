"""What a command does before it imports anything else, so that it also holds during the imports."""

import logging
import os
import signal
import sys
import warnings
from types import FrameType

# What a shell reports for a command that Ctrl-C has ended: 128 and the signal's number.
INTERRUPTED_EXIT = 128 + signal.SIGINT


def open_standard_streams() -> None:
    """Open /dev/null in place of standard streams that are closed, as after `2>&-`.

    Otherwise the next file or socket that is opened would get the number of standard error, and what is printed
    would go there.
    """
    for fd, mode in enumerate(("r", "w", "w")):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is `fd`
            os.set_inheritable(fd, True)
            stream = open(fd, mode, closefd=False)  # noqa: SIM115 - a descriptor, for the whole process
            setattr(sys, ("stdin", "stdout", "stderr")[fd], stream)


def exit_on_interrupt() -> None:
    """Have Ctrl-C end this process at once and without a word, unless it was started with SIGINT ignored.

    There is nothing to clean up while a command is imported or a server opens its model. An exception could come
    in the middle of an import, which would print it or lose it.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _exit)


def silence_libraries() -> None:
    """Have no warning or log line of a library on standard error, unless Python was told to show warnings.

    What a user can act on, a command says itself. The service does not call this: it logs them.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())


def raise_on_interrupt() -> None:
    """Have Ctrl-C raise KeyboardInterrupt again, for commands that have something to clean up."""
    if signal.getsignal(signal.SIGINT) is _exit:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _exit(number: int, frame: FrameType | None) -> None:
    os._exit(INTERRUPTED_EXIT)
