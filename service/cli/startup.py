"""What a command does before it imports anything else, so that it also holds during the imports."""

import logging
import os
import signal
import sys
import warnings
from types import FrameType


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


def exit_on_termination() -> None:
    """Have SIGTERM do the same, unless the process was started with it ignored. The service has its own handler."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _exit)


def silence_libraries() -> None:
    """Have no warning or log line of a library on standard error, unless Python was told to show warnings.

    What a user can act on, a command says itself. The service does not call this: it logs them.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())


def raise_on_signals() -> None:
    """Have Ctrl-C raise KeyboardInterrupt again, and SIGTERM SystemExit, for commands that have something to clean up.

    A container that is stopped sends SIGTERM, and an import that it ends would leave gigabytes beside its destination.
    """
    if signal.getsignal(signal.SIGINT) is _exit:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGTERM) is _exit:
        signal.signal(signal.SIGTERM, _raise_exit)


def _raise_exit(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _exit(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)
