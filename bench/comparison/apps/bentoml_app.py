"""BentoML: a service with two workers; a synchronous API runs in a thread beside the worker's event loop."""

import os
from typing import Annotated

import bentoml
from bentoml.validators import ContentType

from bench.comparison.apps.scoring import load


@bentoml.service(
    workers=int(os.environ["BENCH_WORKERS"]), traffic={"timeout": int(os.environ["BENCH_TIMEOUT_S"])}
)
class Scorer:
    def __init__(self) -> None:
        self.run = load()

    @bentoml.api
    def score(self, body: str) -> Annotated[str, ContentType("application/json")]:
        return self.run(body.encode()).decode()
