"""The scoring that people begin with: a look-up for each word, `KMeans.predict`, a nested loop over all pairs.

    python -m bench.comparison.apps.own_scoring FOLDER

trains the model that every system of the comparison scores with.
"""

import json
import sys
from pathlib import Path

import joblib
import numpy as np
from gensim.models import FastText
from gensim.test.utils import datapath
from gensim.utils import simple_preprocess
from sklearn.cluster import KMeans

from examples.news import NewsScorer


class OwnScoring:
    """Request bytes in, answer bytes out: the pipeline of `examples.news`."""

    def __init__(self, folder: Path) -> None:
        self.scorer = NewsScorer(folder)

    def __call__(self, body: bytes) -> bytes:
        (answer,) = self.scorer.score([json.loads(body)])
        return json.dumps(answer).encode()


def train(folder: Path, *, epochs: int = 10, bucket: int = 200_000) -> None:
    texts = Path(datapath("lee_background.cor")).read_text("utf-8").splitlines()
    tokens = [simple_preprocess(text) for text in texts]
    # 200,000 buckets, not gensim's 2,000,000: each process with its own scoring holds them in private memory.
    model = FastText(tokens, vector_size=100, min_count=2, epochs=epochs, bucket=bucket, seed=1, workers=1)
    vectors = np.array([np.mean([model.wv[word] for word in words], axis=0) for words in tokens])
    kmeans = KMeans(n_clusters=12, n_init=4, random_state=1).fit(vectors)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(str(folder / "fasttext.model"))
    joblib.dump(kmeans, folder / "kmeans.joblib")
    np.save(folder / "centroids.npy", kmeans.cluster_centers_.astype(np.float32))


if __name__ == "__main__":
    train(Path(sys.argv[1]))
