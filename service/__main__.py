"""`python -m service` is the `scorepool` command."""

import sys

from service.cli.startup import (
    exit_on_interrupt,
    exit_on_termination,
    open_standard_streams,
    silence_libraries,
)


def main() -> None:
    """Run the command that the arguments name."""
    open_standard_streams()
    exit_on_interrupt()
    if sys.argv[1:2] != ["serve"]:
        exit_on_termination()
        silence_libraries()
    from service.cli.main import main as run_command  # noqa: PLC0415 - takes a tenth of a second

    run_command()


if __name__ == "__main__":
    main()
