"""Documents that occupy a worker for seconds."""

from random import Random

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def heavy_documents(seed: int) -> list[str]:
    """Return 1.7 MB of random words, which the model has to make vectors of from their n-grams."""
    random = Random(seed)
    return [
        " ".join("".join(random.choices(LETTERS, k=random.randint(4, 10))) for _ in range(26_000))
        for _ in range(8)
    ]
