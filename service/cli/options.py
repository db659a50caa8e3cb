"""The options that several commands share."""

import math
import os
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, cast

import click

from scoring.texts.documents import Format, ReadingOptions
from scoring.tokens.names import TOKENIZER_NAMES

PATH = click.Path(path_type=Path)

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
FORMAT = click.option(
    "--format",
    "format_",
    type=click.Choice([format_.value for format_ in Format]),
    help="Of the texts  [default: by the file's name; jsonl from standard input]",
)
TEXT_FIELD = click.option(
    "--text-field",
    "--text-column",
    "text_field",
    default="text",
    show_default=True,
    metavar="NAME",
    help="The JSON member, or the column, of a text.",
)
ID_FIELD = click.option(
    "--id-field",
    "--id-column",
    "id_field",
    metavar="NAME",
    help="The JSON member, or the column, of a document's id  [default: id, where there is one]",
)
NAME = click.option("--name", help="The model's name  [default: the input's file name]")

MODEL = click.option(
    "--model",
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="The file or folder that the scorer's constructor is given.",
)


class FiniteRange(click.FloatRange):
    """A number within bounds; NaN is within any bounds of click's own type."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; fail as click's own types do."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class ClusterCount(click.ParamType[int | str]):
    """A whole number, or `auto`."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Return the number, or "auto"; fail as click's own types do."""
        if value == "auto":
            return "auto"
        return click.IntRange(1, 100_000).convert(value, param, ctx)


def reading_options(*, ids: bool) -> Callable[..., Any]:
    """Return a decorator that gives a command the options of how texts are read, as one argument `reading`."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def collected(*args: Any, encoding: str, format_: str | None, text_field: str, **others: Any) -> Any:
            chosen = None if format_ is None else Format(format_)
            id_field = others.pop("id_field") if ids else None
            reading = ReadingOptions(encoding, chosen, text_field, id_field, ids)
            return command(*args, reading=reading, **others)

        options = ENCODING(FORMAT(TEXT_FIELD(ID_FIELD(collected) if ids else collected)))
        return cast("Callable[..., Any]", options)

    return decorate


def model_name(path: Path) -> str:
    """Return the name of a model that is made of a file: the file's, without what says its format and compression."""
    return Path(path.name.removesuffix(".gz").removesuffix(".zst")).stem


def clusters_option(help_text: str) -> Callable[..., Any]:
    """Return the option for the number of clusters."""
    return click.option("--clusters", default="auto", show_default=True, type=ClusterCount(), help=help_text)


def pooling_option(choices: Sequence[str], **default: Any) -> Callable[..., Any]:
    """Return the option for how a document's words become its vector."""
    return click.option(
        "--pooling",
        type=click.Choice(choices),
        help="A document's vector: the mean of its words', or one weighted by their frequency: sif, tfidf"
        + (", or as fastText does." if "fasttext" in choices else "."),
        **default,
    )


def tokenizer_option(**default: Any) -> Callable[..., Any]:
    """Return the option for how a text is cut into words."""
    return click.option(
        "--tokenizer",
        type=click.Choice(TOKENIZER_NAMES),
        help="What a word is: letters in lower case, as gensim's simple_preprocess has it, or as fastText does.",
        **default,
    )


def jwt_secret() -> str:
    """Return SCOREPOOL_JWT_SECRET. It has no option: other users of the machine can read a command line."""
    return os.environ.get("SCOREPOOL_JWT_SECRET", "")
