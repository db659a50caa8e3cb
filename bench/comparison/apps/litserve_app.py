"""LitServe: two inference workers on the CPU; `/health` is its own."""

import os

import litserve as ls
from fastapi import Response

from bench.comparison.apps.scoring import load


class Scorer(ls.LitAPI):
    def setup(self, device: str) -> None:
        self.score = load()

    def decode_request(self, request: dict[str, str]) -> bytes:
        return request["body"].encode()

    def predict(self, body: bytes) -> bytes:
        return self.score(body)

    def encode_response(self, answer: bytes) -> Response:
        return Response(answer, media_type="application/json")


if __name__ == "__main__":
    server = ls.LitServer(
        Scorer(api_path="/score"),
        accelerator="cpu",
        workers_per_device=int(os.environ["BENCH_WORKERS"]),
        timeout=int(os.environ["BENCH_TIMEOUT_S"]),
        restart_workers=True,
    )
    server.run(host="127.0.0.1", port=int(os.environ["BENCH_PORT"]), generate_client_file=False)
