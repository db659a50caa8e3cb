"""Requests made of real documents: the news texts inside the gensim wheel.

The texts of each request are drawn with a fixed seed, so two runs send the same bytes in the same order.
"""

import importlib.util
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SEED = 20


@dataclass(frozen=True, slots=True)
class Payload:
    """A kind of request: `documents` documents each; `distinct` different ones are sent in turn."""

    documents: int
    distinct: int

    @property
    def name(self) -> str:
        return str(self.documents)


# Few distinct bodies where they are large, because k6 reads all of them into memory.
SMALL, MIDDLE, LARGE, HUGE = Payload(4, 64), Payload(32, 16), Payload(300, 4), Payload(1000, 1)


def corpus() -> list[str]:
    """Read the 350 news texts of the Lee collection (background and rated), about 1,000 characters each."""
    spec = importlib.util.find_spec("gensim")
    if spec is None or spec.origin is None:
        raise RuntimeError("gensim is not installed; its wheel holds the texts; run make install")
    folder = Path(spec.origin).parent / "test" / "test_data"
    background = (folder / "lee_background.cor").read_text("utf-8").splitlines()
    return background + (folder / "lee.cor").read_text("latin-1").splitlines()


def bodies(payload: Payload, texts: Sequence[str], seed: int = SEED) -> list[bytes]:
    """Make `payload.distinct` request bodies; a text appears twice in one only where it has more than all texts."""
    rng = random.Random(f"{seed}/{payload.documents}")
    n_texts = len(texts)
    made = []
    for _ in range(payload.distinct):
        shuffled = rng.sample(range(n_texts), n_texts)
        documents = [texts[shuffled[i % n_texts]] for i in range(payload.documents)]
        made.append(json.dumps({"documents": documents}).encode())
    return made


def wrapped(body: bytes, form: str) -> bytes:
    """Put a request body into the form in which a system takes it.

    raw: as it is.
    member: as one string member of a JSON object, for a system that parses JSON before it hands the request
        to a worker. One string parses at memory speed, so the documents are not parsed twice.
    v2: as the BYTES tensor of the Open Inference Protocol.
    """
    text = body.decode()
    if form == "raw":
        return body
    if form == "member":
        return json.dumps({"body": text}).encode()
    if form == "v2":
        tensor = {"name": "body", "shape": [1], "datatype": "BYTES", "data": [text]}
        return json.dumps({"inputs": [tensor]}).encode()
    raise ValueError(f"form: {form!r} given, raw, member or v2 expected")


def unwrapped(answer: bytes, form: str) -> bytes:
    """Take the scoring's own answer out of the form in which a system returns it."""
    if form == "v2":
        return str(json.loads(answer)["outputs"][0]["data"][0]).encode()
    return answer


def write(folder: Path, payload: Payload, form: str) -> Path:
    """Write the bodies of `payload` as `0.json`, `1.json`, … for the load generators; return their folder."""
    target = folder / f"{payload.name}-{form}"
    if not target.exists():
        target.mkdir(parents=True)
        for i, body in enumerate(bodies(payload, corpus())):
            (target / f"{i}.json").write_bytes(wrapped(body, form))
    return target
