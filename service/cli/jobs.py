"""`scorepool jobs`: corpora that a service keeps and works on, submitted, watched, fetched and cancelled."""

from pathlib import Path
from typing import Any

import click

from scoring.texts.documents import ReadingOptions
from service.cli.input_errors import input_errors
from service.cli.optional_parts import import_with_client
from service.cli.options import FORCE, PATH, FiniteRange, jwt_secret, reading_options
from service.cli.output import open_output
from service.cli.progress import progress_bars
from service.cli.remote_service import URL, token_option

TOKEN = token_option("jobs")
OUTPUT = click.option("--output", type=PATH, metavar="FILE", help="Write there  [default: standard output]")
PART = click.option(
    "--part",
    type=click.Choice(["documents", "pairs", "vectors"]),
    default="documents",
    show_default=True,
    help="JSON lines of documents or pairs, or the document vectors as an .npy file.",
)
COSINE = FiniteRange(-1, 1)
LINKAGE = click.option(
    "--linkage",
    type=click.Choice(["components", "complete"]),
    help="Of the groups: components chain; of a complete one every two are duplicates  [default: components]",
)


@click.group()
def command() -> None:
    """Have a service score corpora of any size.

    A job goes on when this command ends, and over restarts of the service. Exit code 1: a job failed.
    """


def _jobs(url: str, token: str | None) -> Any:
    module = import_with_client("service.cli.job_commands")
    return module.RemoteJobs(url, token, jwt_secret())


@command.command()
@click.argument("input", type=PATH)
@reading_options(ids=True)
@click.option(
    "--similarity",
    type=click.Choice(["neighbours", "pairs", "none"]),
    default="neighbours",
    show_default=True,
    help="What is found of similar documents.",
)
@click.option("--neighbours", type=click.IntRange(1, 100), help="Of each document  [default: 5]")
@click.option("--threshold", type=COSINE, help="The least cosine of a pair  [default: 0.8]")
@click.option("--vectors", is_flag=True, default=None, help="Keep the document vectors.")
@click.option("--duplicates", type=COSINE, help="Group documents whose cosine is at least this.")
@LINKAGE
@click.option("--against", metavar="ID", help="Compare with the documents of this finished job.")
@click.option(
    "--append", is_flag=True, default=None, help="With --against: the result is of both as one corpus."
)
@click.option(
    "--new", type=COSINE, help="With --against: mark documents less similar than this to all of its."
)
@click.option("--key", help="The same key and corpus are the same job  [default: a new one each time]")
@click.option("--watch", is_flag=True, help="Stay until the job has ended.")
@URL
@TOKEN
@input_errors()
def submit(input: Path, reading: ReadingOptions, url: str, token: str | None, **asked: Any) -> None:
    """Send the documents of INPUT, and print the job's id.

    INPUT is read as by `scorepool train`. Files of lines, JSON lines, CSV and TSV are sent as they are, compressed or
    not, and read by the service.
    """
    key, watch = asked.pop("key"), asked.pop("watch")
    with _jobs(url, token) as jobs, progress_bars() as report:
        name = jobs.submit(input, reading, asked, key, report)
        click.echo(name)
        if watch:
            jobs.watch(name, report)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="A JSON line for each.")
@URL
@TOKEN
@input_errors()
def list_jobs(*, as_json: bool, url: str, token: str | None) -> None:
    """Print your jobs, the newest first."""
    with _jobs(url, token) as jobs:
        for line in jobs.lines(as_json=as_json):
            click.echo(line)


@command.command()
@click.argument("id")
@URL
@TOKEN
@input_errors()
def watch(id: str, url: str, token: str | None) -> None:
    """Stay until the job ID has ended, and print its state."""
    with _jobs(url, token) as jobs, progress_bars() as report:
        ended = jobs.watch(id, report)
    click.echo(ended)


@command.command()
@click.argument("id")
@PART
@click.option(
    "--duplicates",
    type=COSINE,
    help="Other groups of duplicates: from this cosine on, of the pairs that are kept.",
)
@LINKAGE
@OUTPUT
@FORCE
@URL
@TOKEN
@input_errors()
def get(
    id: str,
    part: str,
    duplicates: float | None,
    linkage: str | None,
    output: Path | None,
    *,
    force: bool,
    url: str,
    token: str | None,
) -> None:
    """Write the result of the job ID. A connection that is lost is made again, and the rest asked for."""
    if duplicates is not None and part != "documents":
        raise click.UsageError(f"--duplicates: {part} have no groups; leave it out, or ask for documents")
    if linkage is not None and duplicates is None:
        raise click.UsageError("--linkage: it is of the groups that --duplicates asks for; give that, too")
    grouping = None if duplicates is None else (duplicates, linkage or "components")
    with (
        _jobs(url, token) as jobs,
        progress_bars() as report,
        open_output(output, force=force) as out,
    ):
        jobs.download(id, part, grouping, out, report)


@command.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@URL
@TOKEN
@input_errors()
def cancel(ids: tuple[str, ...], url: str, token: str | None) -> None:
    """End the jobs ID..., and remove them with their results."""
    with _jobs(url, token) as jobs:
        for name in ids:
            jobs.cancel(name)
