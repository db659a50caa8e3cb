"""The `scorepool` command: declares the options of each command and makes one call with them.

Each command imports what it needs inside its function: `scorepool token` must not wait for gensim to load,
and the server process must never load it. Exit codes: 0 done, 2 bad usage or bad input (one sentence on
standard error), 1 an internal fault.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from scoring.errors import ScoringError
from service.settings import SettingsError, declared, load

PATH = click.Path(path_type=Path)


class ClusterCount(click.ParamType[int | str]):
    """A whole number, or `auto`."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Return the number, or "auto"; fail as click's own types do."""
        if value == "auto":
            return "auto"
        return click.IntRange(1, 100_000).convert(value, param, ctx)


# Options that several commands share.
BUNDLE_OUTPUT = click.option(
    "--output", required=True, type=PATH, metavar="DIR", help="The folder of the new bundle."
)
FORCE = click.option("--force", is_flag=True, help="Replace what exists at --output.")
SEED = click.option("--seed", default=1, show_default=True, type=click.IntRange(0, 2**32 - 1))
THREADS = click.option(
    "--threads",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="More are quicker; with one, the same seed gives the same bundle.",
)
ENCODING = click.option("--encoding", default="utf-8", show_default=True, help="Of the text files.")
NAME = click.option("--name", help="The model's name  [default: the input's file name]")


def clusters_option(help_text: str) -> Callable[..., Any]:
    """Return the option for the number of clusters."""
    return click.option("--clusters", default="auto", show_default=True, type=ClusterCount(), help=help_text)


def pooling_option(default: str) -> Callable[..., Any]:
    """Return the option for how a document's words become its vector."""
    return click.option("--pooling", default=default, show_default=True, type=click.Choice(["mean", "sif"]))


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` one option for each setting of the service."""
    for setting in reversed(declared()):
        shown = f"  [{setting.environment}{'; default: ' + setting.default if setting.default else ''}]"
        option = click.option(setting.flag, setting.name, metavar=setting.metavar, help=setting.help + shown)
        command = option(command)
    return command


class InputError(click.ClickException):
    """A fault that the user can correct: click prints it on standard error and exits with code 2."""

    exit_code = 2


@contextmanager
def input_errors() -> Iterator[None]:
    """Turn bad input, bad settings, and files that cannot be read or written into an `InputError`."""
    try:
        yield
    except SettingsError as error:
        raise InputError("\n".join(error.faults)) from error
    except ScoringError as error:
        raise InputError(str(error)) from error
    except BrokenPipeError:
        raise  # the reader of standard output ended, as in `| head`: click exits without a message
    except OSError as error:
        raise InputError(f"{error.filename or 'input or output'}: {error.strerror or error}") from error


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="scorepool")
def main() -> None:
    """Score documents: vectors, clusters and the similarity of each with every other."""


@main.command()
@settings_options
def serve(**options: Any) -> None:
    """Run the service. Every option is also an environment variable; the option takes precedence."""
    from service.server import run

    with input_errors():
        settings = load(options, os.environ)
    raise SystemExit(run(settings))


@main.command()
@click.argument("corpus", type=PATH)
@BUNDLE_OUTPUT
@click.option(
    "--dimensions", default=100, show_default=True, type=click.IntRange(1, 2000), help="Of a vector."
)
@click.option("--epochs", type=click.IntRange(1), help="Passes over the corpus  [default: by its size]")
@clusters_option("auto: chosen by silhouette.")
@pooling_option("sif")
@SEED
@THREADS
@ENCODING
@NAME
@FORCE
def train(corpus: Path, output: Path, name: str | None, encoding: str, force: bool, **options: Any) -> None:
    """Train a bundle on CORPUS: .txt with a document a line, .jsonl with `text`, or a folder of .txt."""
    from scoring.training.train import TrainingOptions
    from service.cli.output import BundleDestination
    from service.cli.progress import progress_bars
    from service.cli.train import train_bundle

    with input_errors(), progress_bars() as report:
        training = TrainingOptions(name=name or corpus.stem, **options)
        summary = train_bundle(corpus, encoding, BundleDestination(output, force), training, report)
    click.echo(summary)


@main.command("import")
@click.option(
    "--fasttext", required=True, type=PATH, metavar="FILE", help="Facebook .bin, .vec, or gensim's."
)
@BUNDLE_OUTPUT
@click.option("--centroids", type=PATH, metavar="FILE.npy", help="An existing K-Means: (k, d) floats.")
@clusters_option("Fitted to --corpus; auto: chosen by silhouette.")
@click.option("--corpus", type=PATH, metavar="FILE", help="Texts for --clusters and for --pooling sif.")
@pooling_option("mean")
@SEED
@THREADS
@ENCODING
@NAME
@click.option("--trust-pickle", is_flag=True, help="Load a gensim-saved model: a pickle can run any code.")
@FORCE
def import_(
    fasttext: Path,
    output: Path,
    centroids: Path | None,
    corpus: Path | None,
    encoding: str,
    name: str | None,
    trust_pickle: bool,
    force: bool,
    **options: Any,
) -> None:
    """Make a bundle of an existing fastText model and a K-Means."""
    from scoring.training.fit import FittingOptions
    from service.cli.import_model import ModelSource, import_bundle
    from service.cli.output import BundleDestination
    from service.cli.progress import progress_bars

    with input_errors(), progress_bars() as report:
        source = ModelSource(fasttext, trust_pickle, centroids, corpus, encoding)
        fitting = FittingOptions(name or fasttext.stem, **options)
        summary = import_bundle(source, BundleDestination(output, force), fitting, report)
    click.echo(summary)


@main.command()
@click.argument("input", type=PATH)
@click.option("--bundle", required=True, type=PATH, envvar="SCOREPOOL_BUNDLE", help="The bundle's folder.")
@click.option(
    "--neighbours",
    default=5,
    show_default=True,
    type=click.IntRange(0, 100),
    help="Of each document; 0 compares nothing.",
)
@ENCODING
@click.option("--output", type=PATH, metavar="FILE", help="Write there  [default: standard output]")
@FORCE
def score(
    input: Path, bundle: Path, neighbours: int, encoding: str, output: Path | None, force: bool
) -> None:
    """Score the documents of INPUT without a server; one JSON line for each."""
    from scoring.training.corpus import read_corpus
    from service.cli.output import open_output
    from service.cli.progress import progress_bars
    from service.cli.score import score_texts

    with input_errors(), progress_bars() as report, open_output(output, force=force) as out:
        score_texts(bundle, read_corpus(input, encoding), neighbours, out, report)


@main.command()
@click.argument("bundle", type=PATH)
@click.option("--verify", is_flag=True, help="Recompute every checksum.")
def inspect(bundle: Path, *, verify: bool) -> None:
    """Print what is in a bundle."""
    from service.cli.inspect import describe_bundle

    with input_errors():
        click.echo(describe_bundle(bundle, verify=verify))


@main.command()
@click.option("--subject", required=True, help="Whose token it is.")
@click.option("--scope", default="", help="Scopes, with spaces between.")
@click.option("--ttl", default=3600, show_default=True, type=click.IntRange(1), metavar="SECONDS")
@click.option("--audience", envvar="SCOREPOOL_JWT_AUDIENCE", default="scorepool", show_default=True)
@click.option("--issuer", envvar="SCOREPOOL_JWT_ISSUER")
def token(**options: Any) -> None:
    """Print a token for development, signed with SCOREPOOL_JWT_SECRET."""
    from service.cli.issue_token import TokenClaims, sign_token

    with input_errors():
        click.echo(sign_token(_jwt_secret(), TokenClaims(**options)))


@main.command()
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Where the service is.")
@click.option(
    "--token",
    envvar="SCOREPOOL_TOKEN",
    help="With the scope `status`  [default: signed with SCOREPOOL_JWT_SECRET]",
)
@click.option("--interval", default=1.0, show_default=True, type=click.FloatRange(0.1), metavar="SECONDS")
def top(url: str, token: str | None, interval: float) -> None:
    """Watch a running service: slots, queue, rates and latency."""
    from service.cli.top import StatusClient, token_source, watch

    with input_errors():
        watch(StatusClient(url, token_source(token, _jwt_secret())), interval)


@main.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from service.api.openapi import openapi_text

    click.echo(openapi_text())


def _jwt_secret() -> str:
    # No option: other users of the machine can read a command line.
    return os.environ.get("SCOREPOOL_JWT_SECRET", "")
