"""The function that every system calls in its workers: the bytes of a request in, those of the answer out.

    python -m bench.comparison.apps.scoring FOLDER SECONDS

scores the requests of a folder without any server and prints requests a second: what one worker could do if
requests reached it at no cost.
"""

import itertools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path


def load() -> Callable[[bytes], bytes]:
    """Load the scoring that BENCH_SCORING names: `own`, or what a worker of the product runs."""
    if os.environ["BENCH_SCORING"] == "own":
        from bench.comparison.apps.own_scoring import OwnScoring  # noqa: PLC0415  joblib is not in every environment

        return OwnScoring(Path(os.environ["BENCH_OWN_MODEL"]))
    from service.limits import RequestLimits  # noqa: PLC0415
    from service.scorers.handler import open_documents  # noqa: PLC0415

    handler = open_documents(Path(os.environ["BENCH_BUNDLE"]), RequestLimits())
    return lambda body: handler(body, "score").body


def main() -> None:
    """Score for so many seconds and print the rate."""
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    bodies = [path.read_bytes() for path in sorted(folder.iterdir())]
    score = load()
    for body in bodies:
        score(body)
    began = time.perf_counter()
    for done, body in enumerate(itertools.cycle(bodies)):
        took = time.perf_counter() - began
        if took >= seconds:
            print(done / took)
            return
        score(body)


if __name__ == "__main__":
    main()
