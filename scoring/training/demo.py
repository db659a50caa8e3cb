"""The demonstration: a model trained on 300 news stories, and three other stories to score.

The texts are short Australian news (Lee, Pincombe and Welsh 2005), which gensim's wheel contains.
"""

from pathlib import Path

from gensim.test.utils import datapath

from scoring.bundle.bundle import write_bundle
from scoring.progress import Progress, silent
from scoring.texts.corpus import read_corpus
from scoring.training.train import TrainingOptions, train

_MODEL_NAME = "demo"
# So many show what the stories are about, fires and cricket among it; two halves agree best on two, home and abroad.
_CLUSTERS = 12
# Positions in `lee.cor`: two reports of one appeal in Nigeria, and one of the floods in Dresden, of August 2002.
_SHOWN = (24, 25, 46)


def build_demo(
    path: Path, progress: Progress = silent, *, epochs: int | None = None, force: bool = False
) -> None:
    """Train the demonstration model with 12 clusters, else by the defaults of `scorepool train`; publish it at `path`.

    Fewer `epochs` than the default, `choose_epochs`, take less time and give a worse model.

    Raises: BundleError when `path` is taken or cannot be written.
    """
    texts = read_corpus(Path(datapath("lee_background.cor")))
    write_bundle(
        path,
        train(texts, TrainingOptions(name=_MODEL_NAME, clusters=_CLUSTERS, epochs=epochs), progress),
        force=force,
    )


def demo_documents() -> list[str]:
    """Return three short news stories that the model has not seen: two reports of one event, one of another."""
    stories = list(read_corpus(Path(datapath("lee.cor")), encoding="latin-1"))
    return [stories[position] for position in _SHOWN]
