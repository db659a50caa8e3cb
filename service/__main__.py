"""`python -m service` is the `scorepool` command."""

from service.cli.startup import exit_on_interrupt, open_standard_streams


def main() -> None:
    """Run the command that the arguments name."""
    open_standard_streams()
    exit_on_interrupt()
    from service.cli.main import main as run_command  # noqa: PLC0415 - takes a tenth of a second

    run_command()


if __name__ == "__main__":
    main()
