"""Document vectors beside those of the libraries that models come from: `python -m tests.programs.official_vectors`.

The official fastText and gensim train models on raw news, `scorepool import` makes bundles of them with its defaults,
and every document gets a vector from both sides: `get_sentence_vector`, or the mean of gensim's vectors of the words of
`simple_preprocess`. Printed are the lowest cosine of two vectors of one document, and the shares of equal five nearest
neighbours and of equal clusters. It needs fasttext-wheel, which is among requirements-bench.txt.

With `--record` it writes instead what the official library says of the small models that the test suite has.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
from gensim.models import FastText, KeyedVectors, Word2Vec
from gensim.test.utils import datapath
from gensim.utils import simple_preprocess
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from scoring.bundle.bundle import open_bundle
from scoring.pipeline import Scorer, Scores, ScoringOptions
from scoring.similarity.cosine import unit_vectors
from scoring.similarity.neighbours import find_neighbours
from tests.support.cli import scorepool

MODELS = Path(__file__).parents[1] / "scoring" / "importers" / "models"
# An import of it is refused: words without their n-grams.
NOT_IMPORTED = ("pruned.ftz",)
LOWEST_COSINE = 0.99999
NEAREST = 5
CLUSTERS = 12
# Enough for vectors of documents to point in different directions, where rounding in float32 decides no neighbour.
EPOCHS = 25
DIMENSIONS = 50
# What news does not have: other scripts, white space of all kinds, punctuation alone, and words that no model knows.
ODD = (
    "北京",
    "zq xj",
    "U.S. U.K. don't COVID-19 2020 C++",
    "\t\vtabs\fand\x0bfeeds \r returns\u00a0no-break\u2003em spaces",
    "Ĳsselmeer naïve café cafe\u0301 İstanbul ﬁle \uff26\uff35\uff2c\uff2c straße STRASSE",
    "हिन्दी भाषा مُحَمَّد 日本語のテキスト ภาษาไทย 😀😀",
    "!!! ... -- ?",
    "incomprehensibilities " * 3,
    "a" * 300,
    "<bos> </s> the end",
)

Oracle = Callable[[str], NDArray[Any] | None]


@dataclass(frozen=True)
class Trained:
    """A model file of a library, and that library's vector of a document; None where it has none."""

    name: str
    path: Path
    vector: Oracle
    from_gensim: bool


def corpus() -> tuple[list[str], list[str]]:
    """Return the texts to train on, and all texts: 350 news stories as they are written, and odd ones."""
    held_out = Path(datapath("lee.cor")).read_text("latin-1").splitlines()
    training = Path(datapath("lee_background.cor")).read_text("utf-8").splitlines()
    return training, [*held_out, *training, *ODD]


def official_models(folder: Path, training: Sequence[str]) -> Iterator[Trained]:
    """Train with the official library: both architectures, n-grams of several lengths or none, given vectors."""
    text, given = folder / "training.txt", folder / "given.vec"
    text.write_text("\n".join(training) + "\n", encoding="utf-8")
    recipes: dict[str, dict[str, Any]] = {
        "skipgram": {},
        "cbow": {"model": "cbow"},
        "short n-grams": {"minn": 1, "maxn": 3},
        "no n-grams": {"minn": 0, "maxn": 0},
        "-pretrainedVectors": {"pretrainedVectors": str(given)},
    }
    for name, recipe in recipes.items():
        options = {
            "dim": DIMENSIONS,
            "minCount": 2,
            "epoch": EPOCHS,
            "bucket": 50_000,
            "thread": 1,
            "verbose": 0,
        } | recipe
        model = fasttext.train_unsupervised(str(text), **options)
        path = folder / f"{name}.bin"
        model.save_model(str(path))
        if name == "skipgram":
            given.write_text(_as_text(model), encoding="utf-8")
        yield Trained(f"official {name}", path, _official(model), from_gensim=False)


def gensim_models(folder: Path, training: Sequence[str]) -> Iterator[Trained]:
    """Train with gensim on the words of `simple_preprocess`: with n-grams, and without."""
    words = [simple_preprocess(text) for text in training]
    for kind in (FastText, Word2Vec):
        options = {"bucket": 50_000} if kind is FastText else {}
        model = kind(words, vector_size=DIMENSIONS, min_count=2, workers=1, seed=1, epochs=EPOCHS, **options)
        path = folder / f"{kind.__name__}.model"
        model.save(str(path))
        yield Trained(f"gensim {kind.__name__}", path, _gensim(model.wv), from_gensim=True)


def _as_text(model: Any) -> str:
    rows = [f"{word} {' '.join(map(str, model.get_word_vector(word)))}" for word in model.words]
    return "\n".join([f"{len(rows)} {DIMENSIONS}", *rows, ""])


def _official(model: Any) -> Oracle:
    # The library takes one line.
    return lambda text: np.asarray(model.get_sentence_vector(text.replace("\n", " ")))


def _gensim(vectors: KeyedVectors) -> Oracle:
    def mean(text: str) -> NDArray[Any] | None:
        words = [word for word in simple_preprocess(text) if word in vectors]
        return np.mean([vectors[word] for word in words], axis=0) if words else None

    return mean


def compare(trained: Trained, texts: Sequence[str], folder: Path) -> tuple[str, bool]:
    """Import a model, embed all texts on both sides, and return a line of the table and whether all is equal."""
    found = [trained.vector(text) for text in texts]
    theirs = np.array([np.zeros(DIMENSIONS) if vector is None else vector for vector in found], np.float32)
    kmeans = KMeans(CLUSTERS, n_init=3, random_state=1).fit(theirs)
    centroids, bundle = folder / "centroids.npy", folder / f"{trained.path.stem}-bundle"
    np.save(centroids, kmeans.cluster_centers_)
    trust = ["--trust-pickle"] if trained.from_gensim else []
    result = scorepool(
        "import", "--fasttext", trained.path, "--output", bundle, "--centroids", centroids, *trust
    )
    if result.exit_code:
        raise SystemExit(result.output)
    scores = Scorer(open_bundle(bundle)).score(texts, ScoringOptions("neighbours", NEAREST))
    return _row(trained.name, theirs, kmeans, scores)


def _row(name: str, theirs: NDArray[np.float32], kmeans: KMeans, scores: Scores) -> tuple[str, bool]:
    embedded = scores.embedded
    present: NDArray[np.bool_] = np.count_nonzero(theirs, axis=1) > 0
    ours = embedded.doc_vectors[present].astype(np.float64)
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs[present], axis=1)
    lowest = float(((ours * theirs[present]).sum(axis=1) / lengths).min())
    nearest = find_neighbours(unit_vectors(theirs), NEAREST, present=present).indices
    assert scores.neighbours is not None
    pairs = zip(nearest[present], scores.neighbours.indices[present], strict=True)
    overlap = float(np.mean([len({*one} & {*other}) / NEAREST for one, other in pairs]))
    clusters = float((kmeans.predict(theirs[present]) == scores.assignment.labels[present]).mean())
    known = embedded.known.sum() / embedded.tokens.sum()
    equal = np.array_equal(present, embedded.present) and lowest >= LOWEST_COSINE and clusters == 1
    line = f"{name:<30}{len(theirs):>10}{known:>8.1%}{lowest:>16.7f}{overlap:>15.4f}{clusters:>10.2%}"
    return line, equal and overlap > 1 - 1 / len(theirs)


def record() -> None:
    """Write the official sentence vectors of some texts by each model file in the folder of the tests."""
    texts = [*corpus()[1][:3], *ODD]
    files = [
        path
        for path in sorted([*MODELS.glob("*.bin"), *MODELS.glob("*.ftz")])
        if path.name not in NOT_IMPORTED
    ]
    oracles = {file.name: _official(fasttext.load_model(str(file))) for file in files}
    found = {name: np.round([oracle(text) for text in texts], 7).tolist() for name, oracle in oracles.items()}
    content = json.dumps({"texts": texts, "vectors": found}, ensure_ascii=False, separators=(",", ":"))
    (MODELS / "sentence_vectors.json").write_text(content, encoding="utf-8")


def main() -> int:
    """Print a line for each model; return 1 where vectors differ."""
    if "--record" in sys.argv[1:]:
        record()
        return 0
    training, texts = corpus()
    texts = list(dict.fromkeys(texts))
    print(f"{'model':<30}{'documents':>10}{'known':>8}{'lowest cosine':>16}{'5 nearest':>15}{'clusters':>10}")
    sound = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for trained in (*official_models(folder, training), *gensim_models(folder, training)):
            line, equal = compare(trained, texts, folder)
            print(line if equal else f"{line}  DIFFERS", flush=True)
            sound = sound and equal
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
