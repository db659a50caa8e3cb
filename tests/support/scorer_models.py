"""Models for the scorers in `examples`, small ones made on the spot."""

from pathlib import Path

import joblib
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from bench.comparison.apps.own_scoring import train


def write_news_model(folder: Path) -> Path:
    """Train FastText and K-Means on the Lee background corpus, one epoch, and save them as people do."""
    train(folder, epochs=1, bucket=2_000)
    return folder


def write_spam_model(path: Path) -> Path:
    """Fit a pipeline on eight messages."""
    unwanted = ["win money now", "free money prize", "cheap pills now", "claim your free prize"]
    wanted = ["lunch at noon", "the harbour is closed", "see you at the meeting", "minutes of the meeting"]
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression(C=100.0))
    joblib.dump(pipeline.fit([*unwanted, *wanted], [1] * 4 + [0] * 4), path)
    return path


def write_sentence_model(folder: Path) -> Path:
    """Write three tokens along the axes, and a fourth between the first two."""
    folder.mkdir(parents=True)
    vectors = np.array([[2, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]], dtype=np.float32)
    np.save(folder / "vectors.npy", vectors)
    (folder / "vocabulary.txt").write_text("storm\nharbour\nrates\ngale\n")
    return folder
