"""The `scorepool` command: options in, one call out, no logic.

What a command needs is imported inside it: `scorepool token` must not wait for gensim, and the server process
must never load it. Exit codes: 0 done, 2 bad usage or bad input (one sentence), 1 a fault of ours.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from scoring.errors import ScoringError
from service.settings import SettingsError, declared, load

FOLDER = click.Path(path_type=Path)
THREADS = "More are quicker; with one, the same seed gives the same bundle."


class ClusterCount(click.ParamType[int | str]):
    """A whole number, or `auto`."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Return the number or the word; fail as click's own types do."""
        if value == "auto":
            return "auto"
        return click.IntRange(1, 100_000).convert(value, param, ctx)


CLUSTERS = ClusterCount()


class InputError(click.ClickException):
    """What people can mend: one sentence on standard error, exit code 2."""

    exit_code = 2


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn bad input, bad settings and files that cannot be read or written into a `InputError`."""
    try:
        yield
    except SettingsError as error:
        raise InputError("\n".join(error.faults)) from error
    except ScoringError as error:
        raise InputError(str(error)) from error
    except BrokenPipeError:
        raise  # `| head`: click ends quietly
    except OSError as error:
        raise InputError(f"{error.filename or 'input or output'}: {error.strerror or error}") from error


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` one option for each setting of the service."""
    for setting in reversed(declared()):
        shown = f"  [{setting.environment}{'; default: ' + setting.default if setting.default else ''}]"
        option = click.option(setting.flag, setting.name, metavar=setting.metavar, help=setting.help + shown)
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="scorepool")
def main() -> None:
    """Score documents: vectors, clusters and the similarity of each with every other."""


@main.command()
@settings_options
def serve(**options: Any) -> None:
    """Run the service. Every option is an environment variable too; an option beats it."""
    from service.server import run

    with one_sentence():
        settings = load(options, os.environ)
    raise SystemExit(run(settings))


@main.command()
@click.argument("corpus", type=FOLDER)
@click.option("--output", required=True, type=FOLDER, metavar="DIR", help="The bundle's folder.")
@click.option(
    "--dimensions", default=100, show_default=True, type=click.IntRange(1, 2000), help="Of a vector."
)
@click.option("--epochs", type=click.IntRange(1), help="Passes over the corpus  [default: by its size]")
@click.option(
    "--clusters", default="auto", show_default=True, type=CLUSTERS, help="auto: chosen by silhouette."
)
@click.option("--pooling", default="sif", show_default=True, type=click.Choice(["mean", "sif"]))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0, 2**32 - 1))
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 64), help=THREADS)
@click.option("--encoding", default="utf-8", show_default=True, help="Of the text files.")
@click.option("--name", help="The model's name  [default: the corpus's]")
@click.option("--force", is_flag=True, help="Replace an existing bundle.")
def train(corpus: Path, output: Path, name: str | None, encoding: str, force: bool, **options: Any) -> None:
    """Train a bundle on CORPUS: .txt with a document a line, .jsonl with `text`, or a folder of .txt."""
    from scoring.training.train import TrainingOptions
    from service.cli.build import Destination, train_bundle
    from service.cli.progress import progress_bars

    with one_sentence(), progress_bars() as report:
        training = TrainingOptions(name=name or corpus.stem, **options)
        summary = train_bundle(corpus, encoding, Destination(output, force), training, report)
    click.echo(summary)


@main.command("import")
@click.option(
    "--fasttext", required=True, type=FOLDER, metavar="FILE", help="Facebook .bin, .vec, or gensim's."
)
@click.option("--output", required=True, type=FOLDER, metavar="DIR", help="The bundle's folder.")
@click.option("--centroids", type=FOLDER, metavar="FILE.npy", help="An existing K-Means: (k, d) floats.")
@click.option("--clusters", default="auto", show_default=True, type=CLUSTERS, help="Fitted to --corpus.")
@click.option("--corpus", type=FOLDER, metavar="FILE", help="Texts for --clusters and for --pooling sif.")
@click.option("--pooling", default="mean", show_default=True, type=click.Choice(["mean", "sif"]))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0, 2**32 - 1))
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 64), help=THREADS)
@click.option("--encoding", default="utf-8", show_default=True, help="Of the corpus.")
@click.option("--name", help="The model's name  [default: the file's]")
@click.option("--trust-pickle", is_flag=True, help="Load a gensim-saved model: a pickle can run any code.")
@click.option("--force", is_flag=True, help="Replace an existing bundle.")
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
    from scoring.training.corpus import read_corpus
    from scoring.training.fit import FittingOptions
    from service.cli.build import Destination, Source, import_bundle
    from service.cli.progress import progress_bars

    with one_sentence(), progress_bars() as report:
        texts = None if corpus is None else read_corpus(corpus, encoding)
        source = Source(fasttext, trust_pickle, centroids, texts)
        fitting = FittingOptions(name or fasttext.stem, **options)
        summary = import_bundle(source, Destination(output, force), fitting, report)
    click.echo(summary)


@main.command()
@click.argument("input", type=FOLDER)
@click.option("--bundle", required=True, type=FOLDER, envvar="SCOREPOOL_BUNDLE", help="The bundle's folder.")
@click.option(
    "--neighbours", default=5, show_default=True, type=click.IntRange(0, 100), help="0: leave them out."
)
@click.option("--encoding", default="utf-8", show_default=True, help="Of the text files.")
@click.option("--output", type=FOLDER, metavar="FILE", help="Write there  [default: standard output]")
@click.option("--force", is_flag=True, help="Replace an existing output.")
def score(
    input: Path, bundle: Path, neighbours: int, encoding: str, output: Path | None, force: bool
) -> None:
    """Score the documents of INPUT without a server; one JSON line for each."""
    from scoring.training.corpus import read_corpus
    from service.cli.progress import progress_bars
    from service.cli.score import opened_output, score_texts

    with one_sentence(), progress_bars() as report, opened_output(output, force=force) as out:
        score_texts(bundle, read_corpus(input, encoding), neighbours, out, report)


@main.command()
@click.argument("bundle", type=FOLDER)
@click.option("--verify", is_flag=True, help="Recompute every checksum.")
def inspect(bundle: Path, *, verify: bool) -> None:
    """Say what is in a bundle."""
    from service.cli.inspect import describe_bundle

    with one_sentence():
        click.echo(describe_bundle(bundle, verify=verify))


@main.command()
@click.option("--subject", required=True, help="Who the token is for.")
@click.option("--scope", default="", help="Scopes, with spaces between.")
@click.option("--ttl", default=3600, show_default=True, type=click.IntRange(1), metavar="SECONDS")
@click.option("--audience", envvar="SCOREPOOL_JWT_AUDIENCE", default="scorepool", show_default=True)
@click.option("--issuer", envvar="SCOREPOOL_JWT_ISSUER")
def token(**options: Any) -> None:
    """Mint a development token, signed with SCOREPOOL_JWT_SECRET."""
    from service.cli.issue_token import TokenClaims, sign_token

    with one_sentence():
        click.echo(sign_token(os.environ.get("SCOREPOOL_JWT_SECRET", ""), TokenClaims(**options)))


@main.command()
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Where the service is.")
@click.option(
    "--token", envvar="SCOREPOOL_TOKEN", help="With the scope status  [default: signed with our secret]"
)
@click.option("--interval", default=1.0, show_default=True, type=click.FloatRange(0.1), metavar="SECONDS")
def top(url: str, token: str | None, interval: float) -> None:
    """Watch a running service: slots, queue, rates and latency."""
    from service.cli.issue_token import TokenClaims, sign_token
    from service.cli.top import Service, watch

    def own_token() -> str:
        return token or sign_token(os.environ.get("SCOREPOOL_JWT_SECRET", ""), TokenClaims("top", "status"))

    with one_sentence():
        watch(Service(url, own_token), interval)


@main.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from service.api.openapi import document_text

    click.echo(document_text())
