"""The scoring alone, without any server: what one worker could do if bytes came and went for nothing.

python -m bench.systems.alone FOLDER SECONDS        prints requests a second
"""

import itertools
import sys
import time
from pathlib import Path

from bench.systems.scoring import load


def main() -> None:
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
