"""`scorepool check-scorer`: proves a scorer before it serves, one line for each property."""

from pathlib import Path

import click

from service.cli.input_errors import InputError, input_errors
from service.cli.options import MODEL


@click.command()
@click.argument("reference", metavar="MODULE:NAME")
@MODEL
@click.option(
    "--requests",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Requests that must succeed: .jsonl with one on each line, or any other file as one; may be repeated.  "
    "[default: those of self_test]",
)
@click.option("--timeout", default=60.0, show_default=True, metavar="SECONDS", help="For each step.")
@input_errors()
def command(reference: str, model: Path | None, requests: tuple[Path, ...], timeout: float) -> None:
    """Prove a scorer before it serves.

    It is imported and has the shape of a scorer; its preload starts no threads; it passes its self-test; requests are
    answered in one call as each alone, and in any order; and when a worker is killed in a call, the next one answers.
    Exit code 2 where one of these does not hold.
    """
    from service.cli.scorer_checks import Subject, verdicts  # noqa: PLC0415 - not for --help

    subject = Subject(reference, Path.cwd(), model, _bodies(requests), timeout)
    failed = 0
    for verdict in verdicts(subject):
        mark = click.style("ok  ", fg="green") if verdict.holds else click.style("FAIL", fg="red")
        click.echo(f"{mark}  {verdict.name:9}  {verdict.detail}")
        failed += not verdict.holds
    if failed:
        raise InputError(f"{reference} is not ready to serve")


def _bodies(files: tuple[Path, ...]) -> tuple[bytes, ...]:
    """Return the requests in files. Raises: InputError for files without any."""
    found: list[bytes] = []
    for file in files:
        whole = file.read_bytes()
        found += [line for line in whole.splitlines() if line.strip()] if file.suffix == ".jsonl" else [whole]
    if files and not found:
        raise InputError("--requests: there is no request in it")
    return tuple(found)
