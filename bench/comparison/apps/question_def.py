"""FastAPI with somebody's own scoring in a plain `def`, which FastAPI runs in its pool of threads."""

import os
from pathlib import Path

import joblib
from fastapi import FastAPI
from gensim.models import FastText
from pydantic import BaseModel

from examples.news import do_score


class Request(BaseModel):
    documents: list[str]


app = FastAPI()
model = Path(os.environ["BENCH_OWN_MODEL"])
words = FastText.load(str(model / "fasttext.model")).wv
kmeans = joblib.load(model / "kmeans.joblib")


@app.post("/score")
def score(request: Request):
    return do_score(words, kmeans, request.documents)


@app.get("/health")
async def health():
    return {"status": "ok"}
