"""How well similarities agree with people's judgement: trained on 300 news stories, judged on 50 others.

    python -m bench quality            the defaults of `scorepool train`, beside the ratings of Lee et al. (2005)
    python -m bench quality --choose   how the defaults were chosen, without those 50 stories or their ratings

The choice uses the 300 training stories alone. A model is trained on four fifths of them. Each of the others is
cut into halves; the similarities of the first halves by the model are correlated with the similarities of the
second halves by tf-idf, a noisy judgement of the same subjects from words that the model was not given. (An earlier
criterion, whether a half is nearest to its other half, was dropped. It rewards recurring names and not subjects, and
models chosen by it agreed with people less than the published figures of plain SIF. This comparison is all that the
choice has seen of the ratings.)
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from gensim.test.utils import datapath
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from bench.harness.command_line import parser
from scoring.bundle.bundle import open_bundle, write_bundle
from scoring.bundle.model import Model
from scoring.embedding.embedder import Embedder
from scoring.texts.corpus import read_corpus
from scoring.tokens.tokenizer import Tokenizer
from scoring.training.fasttext import FastTextParameters, train_word_vectors
from scoring.training.fit import FittingOptions, fit_model, pooling_model
from scoring.training.lsa import append_lsa
from scoring.training.train import TrainingOptions, train
from scoring.training.word_counts import count_words, pooled_counts, pooling_weights

FOLDS = 3
SEEDS = (1, 2, 3)
# Name, what differs from the default recipe, share of latent dimensions, weight of unknown words.
CANDIDATES: tuple[tuple[str, dict[str, int], float, float], ...] = (
    ("defaults", {}, 0.5, 0.3),
    ("window 40", {"window": 40}, 0.5, 0.3),
    ("window 15", {"window": 15}, 0.5, 0.3),
    ("epochs 20", {"epochs": 20}, 0.5, 0.3),
    ("unknown words weigh 1", {}, 0.5, 1.0),
    ("no latent dimensions", {}, 0.0, 0.3),
    ("latent dimensions only", {}, 0.98, 0.3),
)


def similarities(model: Model, texts: Sequence[str]) -> NDArray[np.float64]:
    """Return the cosines of all pairs of texts, as a server with this model would find them."""
    with TemporaryDirectory() as folder:
        write_bundle(Path(folder, "bundle"), model)
        vectors = Embedder(open_bundle(Path(folder, "bundle"))).embed(texts).doc_vectors.astype(np.float64)
    return _pairs(vectors)


def _pairs(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return np.asarray((units @ units.T)[np.triu_indices(len(units), 1)])


def agreement(seed: int, stories: Sequence[str]) -> float:
    """Return Pearson's correlation of similarities by the default model with the ratings by people."""
    judged = list(read_corpus(Path(datapath("lee.cor")), encoding="latin-1"))
    people = np.loadtxt(datapath("similarities0-1.txt"))[np.triu_indices(len(judged), 1)]
    model = train(stories, TrainingOptions("quality", seed=seed, clusters=2))
    return float(np.corrcoef(similarities(model, judged), people)[0, 1])


def folds(stories: Sequence[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the stories to train on and those to judge by, for each fold."""
    order = np.random.default_rng(0).permutation(len(stories))
    for fold in range(FOLDS):
        held = set(order[fold::5].tolist())
        yield [s for i, s in enumerate(stories) if i not in held], [stories[i] for i in sorted(held)]


def judge(changes: dict[str, int], share: float, unknown: float, stories: Sequence[str]) -> float:
    """Return the correlation of a candidate with the other halves: the mean over folds and both directions."""
    found = []
    for training, held in folds(stories):
        model = candidate([Tokenizer().tokenize(text) for text in training], changes, share, unknown)
        words = [Tokenizer().tokenize(text) for text in held]
        halves = [" ".join(w[: len(w) // 2]) for w in words], [" ".join(w[len(w) // 2 :]) for w in words]
        tfidf = TfidfVectorizer(sublinear_tf=True).fit(training)
        for ours, theirs in (halves, halves[::-1]):
            expected = _pairs(np.asarray(tfidf.transform(theirs).todense()))
            found.append(float(np.corrcoef(similarities(model, ours), expected)[0, 1]))
    return float(np.mean(found))


def candidate(documents: list[list[str]], changes: dict[str, int], share: float, unknown: float) -> Model:
    """Return a model of 100 dimensions by a recipe that may differ from the default."""
    latent = round(100 * share)
    recipe = replace(FastTextParameters(100 - latent, 10, seed=1), **changes)
    vectors = train_word_vectors(documents, recipe)
    options = FittingOptions("candidate", clusters=2)
    counts = count_words(vectors.words, documents)
    weights = pooling_weights(options.pooling, counts)
    if latent:
        vectors = append_lsa(vectors, pooled_counts(options.pooling, counts), weights, latent, seed=1)
    model = pooling_model(vectors, options, weights)
    model = replace(model, unknown_weight=unknown / 0.3 * model.unknown_weight)
    return fit_model(model, documents, options)


def main() -> None:
    """Print the agreement with people, or the comparison of candidates."""
    options_parser = parser(__doc__)
    help_text = "compare candidates on the training stories"
    options_parser.add_argument("--choose", action="store_true", help=help_text)
    options = options_parser.parse_args()
    stories = list(dict.fromkeys(read_corpus(Path(datapath("lee_background.cor")))))
    if options.choose:
        for name, changes, share, unknown in CANDIDATES:
            print(f"{name:<24} {judge(changes, share, unknown, stories):.3f}", flush=True)
        return
    for seed in SEEDS:
        print(f"seed {seed}: correlation with people {agreement(seed, stories):.3f}", flush=True)
