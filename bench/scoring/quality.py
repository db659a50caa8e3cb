"""How well clusters, neighbours and similarities agree with people, beside TF-IDF, LSA and plain FastText.

    python -m bench quality                          all sets, 5 seeds: about an hour on one core
    python -m bench quality --sets stories wire      some sets; `lee` is the ratings of Lee et al. (2005)

Models see the training texts alone and are judged by others, whose topics people gave (`labelled_texts`).

clusters     normalised mutual information of clusters and topics, with as many clusters as topics, and with --clusters
             auto, whose number is given too
neighbours   the share of the five nearest other texts that have the topic of a text

In brackets: the lowest and the highest of the seeds.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from gensim.test.utils import datapath
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score

from bench.harness.command_line import parser
from bench.scoring.baselines import Embedding, embed_by_fasttext, embed_by_lsa, embed_by_tfidf
from bench.scoring.labelled_texts import LabelledTexts, load_texts
from scoring.bundle.bundle import open_bundle, write_bundle
from scoring.bundle.model import Model
from scoring.clustering import assign
from scoring.embedding.embedder import Embedder
from scoring.texts.corpus import read_corpus
from scoring.training.kmeans import fit_clusters
from scoring.training.train import TrainingOptions, train

SETS = ("stories", "wire", "newsgroups")
NEIGHBOURS = 5
BASELINES: dict[str, Embedding] = {
    "TF-IDF": embed_by_tfidf,
    "LSA-50": embed_by_lsa(50),
    "LSA-100": embed_by_lsa(100),
    "FastText mean": embed_by_fasttext,
}


class Judgement(NamedTuple):
    """The figures of one model; the last three are of Scorepool alone."""

    clusters: float
    neighbours: float
    auto: float = np.nan
    chosen: float = np.nan
    seconds: float = np.nan


def embed(model: Model, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return the vectors (n, d) of texts, as a server with this model would find them."""
    with TemporaryDirectory() as folder:
        write_bundle(Path(folder, "bundle"), model)
        return Embedder(open_bundle(Path(folder, "bundle"))).embed(texts).doc_vectors


def judge_ours(texts: LabelledTexts, seed: int) -> Judgement:
    """Judge a model that `scorepool train` makes with its defaults."""
    started = time.process_time()
    model = train(texts.training, TrainingOptions("quality", seed=seed))
    seconds = time.process_time() - started
    training, held_out = embed(model, texts.training), embed(model, texts.held_out)
    given = fit_clusters(training, texts.topics, seed)
    clusters, auto = (
        float(normalized_mutual_info_score(texts.labels, assign(held_out, centroids).labels))
        for centroids in (given.centroids, model.centroids)
    )
    neighbours = same_topic(held_out, np.array(texts.labels))
    return Judgement(clusters, neighbours, auto, len(model.centroids), seconds)


def judge_baseline(embedding: Embedding, texts: LabelledTexts, seed: int) -> Judgement:
    """Judge another way to vectors, with scikit-learn's K-Means from ten starts."""
    training, held_out = embedding(texts.training, texts.held_out, seed)
    model = KMeans(texts.topics, n_init=10, random_state=seed).fit(training)
    clusters = float(normalized_mutual_info_score(texts.labels, model.predict(held_out)))
    return Judgement(clusters, same_topic(held_out, np.array(texts.labels)))


def same_topic(vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the share of the nearest by cosine, of n texts other than itself, that have a text's label."""
    units = _units(vectors)
    shares = []
    for start in range(0, len(units), 1_000):
        cosines = units[start : start + 1_000] @ units.T
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -np.inf
        nearest = np.argpartition(-cosines, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        shares.append(labels[nearest] == labels[start + rows, None])
    return float(np.concatenate(shares).mean())


def _units(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


def agreement(seed: int) -> float:
    """Return Pearson's correlation of the cosines of 50 stories with ratings, by a model of 300 other stories."""
    stories = list(dict.fromkeys(read_corpus(Path(datapath("lee_background.cor")))))
    judged = list(read_corpus(Path(datapath("lee.cor")), encoding="latin-1"))
    pairs = np.triu_indices(len(judged), 1)
    people = np.loadtxt(datapath("similarities0-1.txt"))[pairs]
    units = _units(embed(train(stories, TrainingOptions("quality", seed=seed, clusters=2)), judged))
    return float(np.corrcoef((units @ units.T)[pairs], people)[0, 1])


def _print(name: str, judgements: Sequence[Judgement]) -> None:
    columns = [_spread(column) for column in zip(*judgements, strict=True)]
    print(f"  {name:<14}" + "  ".join(f"{column:<21}" for column in columns).rstrip(), flush=True)


def _spread(figures: Sequence[float]) -> str:
    if np.isnan(figures[0]):
        return ""
    return f"{np.mean(figures):.3f} ({min(figures):.3f} to {max(figures):.3f})"


def main() -> None:
    """Print a table for each set."""
    options_parser = parser(__doc__)
    options_parser.add_argument("--sets", nargs="+", choices=(*SETS, "lee"), default=(*SETS, "lee"))
    options_parser.add_argument("--seeds", type=int, default=5)
    options = options_parser.parse_args()
    seeds = range(1, options.seeds + 1)
    for name in options.sets:
        if name == "lee":
            print(f"lee: correlation with people's ratings {_spread([agreement(seed) for seed in seeds])}")
            continue
        texts = load_texts(name)
        print(
            f"{name}: {len(texts.training)} to train, {len(texts.held_out)} held out, {texts.topics} topics"
        )
        columns = ("clusters", "neighbours", "clusters, auto", "number, auto", "training, s of CPU")
        print(" " * 16 + "  ".join(f"{column:<21}" for column in columns).rstrip())
        _print("scorepool", [judge_ours(texts, seed) for seed in seeds])
        for baseline, embedding in BASELINES.items():
            _print(baseline, [judge_baseline(embedding, texts, seed) for seed in seeds])
