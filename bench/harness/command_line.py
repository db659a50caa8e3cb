"""The options that several scenarios have, declared once."""

import argparse
from pathlib import Path
from typing import Literal

from bench.harness.paths import DEMO_BUNDLE

Shared = Literal["bundle", "workers", "picture"]


def parser(description: str | None, *shared: Shared, workers: int = 2) -> argparse.ArgumentParser:
    """Return a parser with the named shared options. description: the docstring of the scenario's module.

    workers: the default of `--workers`.
    """
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if "bundle" in shared:
        help_text = "the demonstration bundle, built on first use, where none is given"
        made.add_argument("--bundle", type=Path, help=help_text)
    if "workers" in shared:
        made.add_argument("--workers", type=int, default=workers, help=f"worker processes ({workers})")
    if "picture" in shared:
        made.add_argument("--picture", type=Path, metavar="FILE", help="draw the result; needs matplotlib")
    return made


def bundle_path(given: Path | None) -> Path:
    """Return the bundle to measure with: the given one, or the demonstration bundle, built where missing."""
    if given is None and not DEMO_BUNDLE.exists():
        from scoring.training.demo import build_demo  # noqa: PLC0415  # gensim, needed for this alone

        DEMO_BUNDLE.parent.mkdir(exist_ok=True)
        build_demo(DEMO_BUNDLE)
    return given or DEMO_BUNDLE
