"""Text to vectors: Scorepool beside the official C++ fastText and gensim, with the same model and texts.

    python -m bench vectors --picture vectors.png       needs the packages of requirements-bench.txt

Promised, for each tokenizer: at least 10 times the documents per second of fastText's `get_sentence_vector`, and 25
times those of gensim word by word: a mean over word vectors of `simple_preprocess`, and for `fasttext`, whose words
keep case and punctuation, of `str.split`. One core, all sides in one run, in turns.

fastText is measured twice: on the texts as they are, and on texts that were cut into the tokenizer's words before the
clock started. Its sentence vector divides each word vector by its norm; the look-ups are the same.
"""

import os

# Before NumPy is imported: its BLAS reads them once.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
from gensim.models import FastText
from gensim.models.fasttext import FastTextKeyedVectors, save_facebook_model
from gensim.utils import simple_preprocess
from msgspec import structs

from bench.harness.command_line import parser
from bench.harness.documents import SEED, corpus
from bench.harness.results import Figure, collect, save
from bench.scoring.growth import Growth, Work, draw, figures, measure, table, use_one_core
from scoring.bundle.bundle import Bundle, open_bundle, write_bundle
from scoring.bundle.model import Model
from scoring.embedding.embedder import Embedder
from scoring.tokens.names import TOKENIZER_NAMES, TokenizerName
from scoring.tokens.tokenizer import Tokenizer

DIMENSIONS = 100
# A tenth of fastText's default, whose 800 MB of n-gram vectors would slow fastText down further.
BUCKETS = 200_000
# One word in twenty occurs once and stays unknown, as words do in texts that a model was not trained on.
MIN_COUNT = 2
SIZES = (1, 10, 100, 1_000, 10_000)
OURS, FASTTEXT, PREPARED, GENSIM = "scorepool", "fasttext", "fasttext, words given", "gensim"
# How people who use gensim cut texts for a model of such words.
BY_HAND: dict[TokenizerName, Callable[[str], list[str]]] = {
    "letters": simple_preprocess,
    "gensim": simple_preprocess,
    "fasttext": str.split,
}


@dataclass(frozen=True)
class Models:
    """One model in three libraries, of the words of one tokenizer."""

    tokenizer: TokenizerName
    bundle: Bundle
    fasttext: Any  # it has no types
    gensim: FastTextKeyedVectors

    def tokenize(self, text: str) -> list[str]:
        """Return the words of a text."""
        return self.bundle.manifest.make_tokenizer().tokenize(text)


def train(texts: Sequence[str], tokenizer: TokenizerName, folder: Path) -> Models:
    """Train a model with gensim, and open it with the official fastText and as a bundle."""
    folder.mkdir()
    model = FastText(
        [Tokenizer(tokenizer).tokenize(text) for text in texts],
        vector_size=DIMENSIONS,
        min_count=MIN_COUNT,
        bucket=BUCKETS,
        seed=SEED,
    )
    vectors = model.wv
    save_facebook_model(model, str(folder / "model.bin"))
    write_bundle(
        folder / "bundle",
        Model(
            "vectors",
            vectors.index_to_key,
            vectors.vectors,
            vectors.vectors[:1],
            ngram_vectors=vectors.vectors_ngrams,
            min_n=vectors.min_n,
            max_n=vectors.max_n,
            tokenizer=tokenizer,
        ),
    )
    official = fasttext.load_model(str(folder / "model.bin"))
    return Models(tokenizer, open_bundle(folder / "bundle"), official, vectors)


def recombined(texts: Sequence[str], count: int) -> list[str]:
    """Return `count` documents of one line each: the texts, then halves of two texts joined."""
    rng = random.Random(SEED)
    documents = list(texts[:count])
    while len(documents) < count:
        first, second = (text.split(" ") for text in rng.sample(texts, 2))
        documents.append(" ".join(first[: len(first) // 2] + second[len(second) // 2 :]))
    return documents


def ways(models: Models, documents: Sequence[str]) -> dict[str, Work]:
    """Return how each side turns the first n documents into vectors."""
    embedder = Embedder(models.bundle)
    prepared = [" ".join(models.tokenize(document)) for document in documents]
    sentence_vector = models.fasttext.get_sentence_vector
    vectors, words = models.gensim, BY_HAND[models.tokenizer]
    return {
        OURS: lambda n: embedder.embed(documents[:n]),
        FASTTEXT: lambda n: [sentence_vector(text) for text in documents[:n]],
        PREPARED: lambda n: [sentence_vector(text) for text in prepared[:n]],
        GENSIM: lambda n: [
            np.mean([vectors[word] for word in words(text)], axis=0) for text in documents[:n]
        ],
    }


def check(models: Models, texts: Sequence[str]) -> str:
    """Return the largest differences between the vectors of the sides, as a sentence."""
    ours = Embedder(models.bundle).embed(texts).doc_vectors
    means = [np.mean([models.gensim[token] for token in models.tokenize(text)], axis=0) for text in texts]
    words = sorted({token for text in texts for token in models.tokenize(text)})
    official = [models.fasttext.get_word_vector(word) for word in words]
    documents = np.abs(ours - means).max()
    apart = np.abs(Embedder(models.bundle).embed(words).doc_vectors - official).max()
    return f"largest difference to gensim's means {documents:.0e}, to fastText's word vectors {apart:.0e}"


def fresh_rates(bundle: Bundle, texts: Sequence[str], repeats: int) -> list[float]:
    """Return documents per second of embedders that have just been opened, with every cache empty."""
    rates = []
    for _ in range(repeats):
        embedder = Embedder(bundle)
        began = time.perf_counter()
        embedder.embed(texts)
        rates.append(len(texts) / (time.perf_counter() - began))
    return rates


def report(growth: Growth, fresh: Sequence[float]) -> str:
    """Return the table, and the least ratios from 100 documents on beside the promised ones."""
    promised = [size for size in growth.sizes if size >= 100]
    lines = [table(growth, OURS), ""]
    for side, goal in [(FASTTEXT, 10), (PREPARED, 10), (GENSIM, 25)]:
        least = min(growth.ratio(OURS, side, size) for size in promised)
        lines.append(f"{side}: at least {least:.1f} times as long from 100 documents on (promised: {goal})")
    lines.append(f"a worker that just started: {float(np.median(fresh)):,.0f} documents/s on 350 texts")
    return "\n".join(lines)


def compare(models: Models, texts: Sequence[str], options: Any) -> tuple[Growth, list[Figure]]:
    """Measure and print the sides with one tokenizer; return the growth, and the figures to save."""
    name = models.tokenizer
    print(f"\ntokenizer {name}: {check(models, texts)}")
    documents = recombined(texts, max(options.sizes))
    growth = measure("documents", ways(models, documents), options.sizes, options.repeats)
    fresh = fresh_rates(models.bundle, texts, options.repeats)
    print(report(growth, fresh))
    measured = [*figures(growth), Figure(f"{OURS}/fresh", "documents/s", "higher", list(fresh))]
    return growth, [structs.replace(figure, name=f"{name}/{figure.name}") for figure in measured]


def main() -> None:
    """Measure, print, save; the picture is of the first tokenizer."""
    options_parser = parser(__doc__, "picture")
    options_parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    options_parser.add_argument("--repeats", type=int, default=5)
    options_parser.add_argument("--tokenizers", nargs="+", choices=TOKENIZER_NAMES, default=TOKENIZER_NAMES)
    options = options_parser.parse_args()
    use_one_core()
    texts = corpus()
    growths, measured = [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.tokenizers:
            growth, found = compare(train(texts, name, Path(folder, name)), texts, options)
            growths.append(growth)
            measured += found
    if options.picture:
        draw(growths[0], "Text to document vectors", options.picture)
    settings = {"dimensions": DIMENSIONS, "buckets": BUCKETS, "min_count": MIN_COUNT, "texts": len(texts)}
    print(save(collect("vectors", settings, measured)))
