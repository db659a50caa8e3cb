"""Sentence vectors of a static model: the mean of the tokens' vectors, of length 1, as model2vec's models are used.

The model is a folder: `vectors.npy` (n_tokens, dim) float32, and `vocabulary.txt` with a token on each line.
"""

import re
from pathlib import Path
from typing import TypedDict

import numpy as np


class Request(TypedDict):
    texts: list[str]


class Response(TypedDict):
    vectors: np.ndarray  # (n_texts, dim)


class SentenceScorer:
    def __init__(self, model: Path) -> None:
        # Mapped read-only, so all workers share one copy in memory.
        self.vectors = np.load(model / "vectors.npy", mmap_mode="r")
        tokens = (model / "vocabulary.txt").read_text("utf-8").split()
        self.rows = {token: row for row, token in enumerate(tokens)}

    def score(self, requests: list[Request]) -> list[Response]:
        return [{"vectors": np.array([self.embed(text) for text in each["texts"]])} for each in requests]

    def embed(self, text: str) -> np.ndarray:
        rows = [self.rows[token] for token in re.findall(r"\w+", text.lower()) if token in self.rows]
        if not rows:
            raise ValueError("texts: one of them has no word that the model knows")
        mean: np.ndarray = self.vectors[rows].mean(axis=0)
        mean /= np.linalg.norm(mean)
        return mean
