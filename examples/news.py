"""Scoring as people write it: a look-up for each word, `KMeans.predict`, and a cosine for each two documents."""

from pathlib import Path
from typing import Any, TypedDict

import joblib
import numpy as np
from gensim.models import FastText
from gensim.utils import simple_preprocess


class Request(TypedDict):
    documents: list[str]


class NewsScorer:
    preload = ("gensim.models", "joblib", "sklearn.cluster")

    def __init__(self, model: Path) -> None:
        self.words = FastText.load(str(model / "fasttext.model")).wv
        self.kmeans = joblib.load(model / "kmeans.joblib")

    def score(self, requests: list[Request]) -> list[dict[str, Any]]:
        return [do_score(self.words, self.kmeans, request["documents"]) for request in requests]


def do_score(words: Any, kmeans: Any, documents: list[str]) -> dict[str, Any]:
    vectors = [np.mean([words[word] for word in simple_preprocess(text)], axis=0) for text in documents]
    clusters = kmeans.predict(np.array(vectors))
    scored = []
    for i, a in enumerate(vectors):
        nearest, best = None, -1.0
        for j, b in enumerate(vectors):
            similarity = float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))
            if i != j and similarity > best:
                nearest, best = j, similarity
        scored.append({"cluster": int(clusters[i]), "nearest": nearest, "similarity": best})
    return {"documents": scored}
