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

NEIGHBOURS = 5


class OwnScoring:
    """Request bytes in, answer bytes out: the neighbours and clusters that the product answers by default."""

    def __init__(self, folder: Path) -> None:
        self.words = FastText.load(str(folder / "fasttext.model")).wv
        self.kmeans = joblib.load(folder / "kmeans.joblib")

    def __call__(self, body: bytes) -> bytes:
        texts = json.loads(body)["documents"]
        vectors = [self.embed(text) for text in texts]
        clusters = self.kmeans.predict(np.array(vectors))
        similarities = [[cosine(a, b) for b in vectors] for a in vectors]
        documents = []
        for i, row in enumerate(similarities):
            nearest = sorted((j for j in range(len(row)) if j != i), key=lambda j: -row[j])[:NEIGHBOURS]
            neighbours = [{"id": str(j), "similarity": row[j]} for j in nearest]
            documents.append({"id": str(i), "cluster": int(clusters[i]), "neighbours": neighbours})
        return json.dumps({"documents": documents}).encode()

    def embed(self, text: str) -> np.ndarray:
        return np.mean([self.words[word] for word in simple_preprocess(text)], axis=0)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))


def train(folder: Path) -> None:
    texts = Path(datapath("lee_background.cor")).read_text("utf-8").splitlines()
    tokens = [simple_preprocess(text) for text in texts]
    # 200,000 buckets, not gensim's 2,000,000: each process with its own scoring holds them in private memory.
    model = FastText(tokens, vector_size=100, min_count=2, epochs=10, bucket=200_000, seed=1, workers=1)
    vectors = np.array([np.mean([model.wv[word] for word in words], axis=0) for words in tokens])
    kmeans = KMeans(n_clusters=12, n_init=4, random_state=1).fit(vectors)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(str(folder / "fasttext.model"))
    joblib.dump(kmeans, folder / "kmeans.joblib")
    np.save(folder / "centroids.npy", kmeans.cluster_centers_.astype(np.float32))


if __name__ == "__main__":
    train(Path(sys.argv[1]))
