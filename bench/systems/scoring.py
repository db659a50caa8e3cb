"""The one function that every system calls in its workers: a request's bytes in, the answer's bytes out."""

import os
from collections.abc import Callable
from pathlib import Path


def load() -> Callable[[bytes], bytes]:
    """Load what BENCH_SCORING names: the question's own scoring, or what a worker of the product runs."""
    if os.environ["BENCH_SCORING"] == "question":
        from bench.systems.question import Question  # noqa: PLC0415  only one is installed everywhere

        return Question(Path(os.environ["BENCH_QUESTION"]))
    from service.api.request import RequestLimits  # noqa: PLC0415
    from service.worker.handler import Handler  # noqa: PLC0415

    handler = Handler(Path(os.environ["BENCH_BUNDLE"]), RequestLimits())
    return lambda body: handler(body, "json").body
