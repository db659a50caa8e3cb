"""`scorepool inspect`: what is in a bundle, as text for a terminal."""

from pathlib import Path
from typing import Any

import click

from scoring.bundle.bundle import Bundle, open_bundle
from scoring.bundle.manifest import Manifest
from service.cli.input_errors import input_errors
from service.cli.options import PATH


@click.command()
@click.argument("bundle", type=PATH)
@click.option("--verify", is_flag=True, help="Recompute every checksum.")
@input_errors()
def command(bundle: Path, *, verify: bool) -> None:
    """Print what is in a bundle."""
    click.echo(describe_bundle(bundle, verify=verify))


def describe_bundle(path: Path, *, verify: bool) -> str:
    """Return one line for each fact about the bundle at `path`, then one for each cluster.

    `verify` recomputes the checksum of every file, which reads the whole bundle.

    Raises: BundleError when the bundle cannot be used.
    """
    bundle = open_bundle(path, verify=verify)
    facts = dict(_facts(bundle))
    facts["checksums"] = "every file is as it was written" if verify else "not recomputed; --verify does"
    width = max(map(len, facts)) + 2
    lines = [f"{name:{width}}{value}" for name, value in facts.items()]
    return "\n".join([*lines, "", *_clusters(bundle)])


def _facts(bundle: Bundle) -> list[tuple[str, str]]:
    manifest = bundle.manifest
    size = sum(record.size for record in manifest.files.values())
    ngrams = f"{manifest.buckets:,} buckets, {manifest.min_n} to {manifest.max_n} characters"
    return [
        ("name", manifest.name),
        ("digest", bundle.digest),
        ("created", manifest.created or "unknown"),
        ("size", f"{size / 1e6:,.1f} MB in {len(manifest.files)} files"),
        ("words", f"{manifest.words:,} of {manifest.dimensions} dimensions, {manifest.precision}"),
        ("n-grams", ngrams if manifest.buckets else "none: unknown words have no vector"),
        ("tokenizer", _tokenizer(manifest)),
        ("pooling", f"{manifest.pooling}, {manifest.components} components removed"),
        ("clusters", str(manifest.clusters)),
        ("outliers", _calibration(manifest)),
        ("libraries", ", ".join(f"{name} {version}" for name, version in manifest.libraries.items())),
        *(
            (f"training {name}", _fact(value))
            for name, value in manifest.training.items()
            if value not in ([], {})
        ),
    ]


def _fact(value: Any) -> str:
    """Return a fact of the training on one line; figures by a number of clusters in the order of those."""
    if isinstance(value, list):
        return "; ".join(map(str, value))
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(
        f"{k}: {figure:.2f}" for k, figure in sorted(value.items(), key=lambda item: int(item[0]))
    )


def _tokenizer(manifest: Manifest) -> str:
    segmenter = "" if manifest.segmenter is None else f", scripts without spaces by {manifest.segmenter}"
    return f"{manifest.tokenizer}, words of at most {manifest.max_token_length:,} characters{segmenter}"


def _calibration(manifest: Manifest) -> str:
    usual = manifest.unknown_rate
    if not manifest.quantiles or usual is None:
        return "not calibrated: made without a corpus"
    return f"calibrated; {usual.share:.1%} of a document's words are unknown as a rule"


def _clusters(bundle: Bundle) -> list[str]:
    if not any(bundle.terms):
        return []
    return [f"cluster {number:>3}  {', '.join(terms)}" for number, terms in enumerate(bundle.terms)]
