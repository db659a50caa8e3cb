"""LitServe with somebody's own scoring: two inference workers on the CPU; `/health` is its own."""

import os
from pathlib import Path

import joblib
import litserve as ls
from gensim.models import FastText

from examples.news import do_score


class Scorer(ls.LitAPI):
    def setup(self, device):
        model = Path(os.environ["BENCH_OWN_MODEL"])
        self.words = FastText.load(str(model / "fasttext.model")).wv
        self.kmeans = joblib.load(model / "kmeans.joblib")

    def decode_request(self, request):
        return request["documents"]

    def predict(self, documents):
        return do_score(self.words, self.kmeans, documents)

    def encode_response(self, answer):
        return answer


if __name__ == "__main__":
    server = ls.LitServer(
        Scorer(api_path="/score"),
        accelerator="cpu",
        workers_per_device=int(os.environ["BENCH_WORKERS"]),
        timeout=int(os.environ["BENCH_TIMEOUT_S"]),
        restart_workers=True,
    )
    server.run(host="127.0.0.1", port=int(os.environ["BENCH_PORT"]), generate_client_file=False)
