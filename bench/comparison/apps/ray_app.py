"""Ray Serve: a deployment of two replicas, one CPU each, on a local cluster; `/-/healthz` is its own."""

import os

import ray
from ray import serve
from ray.serve.config import HTTPOptions
from starlette.requests import Request
from starlette.responses import Response

from bench.comparison.apps.scoring import load


@serve.deployment(num_replicas=int(os.environ["BENCH_WORKERS"]), ray_actor_options={"num_cpus": 1})
class Scorer:
    def __init__(self) -> None:
        self.score = load()

    async def __call__(self, request: Request) -> Response:
        return Response(self.score(await request.body()), media_type="application/json")


if __name__ == "__main__":
    ray.init(num_cpus=int(os.environ["BENCH_WORKERS"]), include_dashboard=False, _node_ip_address="127.0.0.1")
    serve.start(
        http_options=HTTPOptions(
            host="127.0.0.1",
            port=int(os.environ["BENCH_PORT"]),
            request_timeout_s=float(os.environ["BENCH_TIMEOUT_S"]),
        )
    )
    serve.run(Scorer.bind(), route_prefix="/score", blocking=True)
