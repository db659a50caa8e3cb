"""The files of a new scorer's project: a module with the scorer, a test through a real pool, and a README.

`MODULE` stands for the module's name, `CLASS` for that of the scorer, `FOLDER` for the folder's.
"""

SCORER = '''\
"""CLASS: counts the words of a text. Put your own scoring into `score`; nothing of Scorepool is imported here."""

from dataclasses import dataclass


@dataclass
class Request:
    """What /score takes. A request of another shape is refused with 422 and a pointer to the fault."""

    text: str


@dataclass
class Response:
    """What /score answers. Members may also be NumPy arrays."""

    words: int


class CLASS:
    version = "0.1"

    # Heavy modules, imported once for all workers. They must start no threads: check-scorer looks.
    preload = ()

    def __init__(self) -> None:
        """Load what `score` needs. Runs once in each worker; with --model it is given that path."""

    def score(self, requests: list[Request]) -> list[Response]:
        """Answer all requests that waited: a list in, a list of the same length out."""
        return [count(request) for request in requests]

    def self_test(self) -> list[Request]:
        """Return requests that must succeed before a worker serves."""
        return [Request("two words")]


def count(request: Request) -> Response:
    if not request.text.strip():
        # What the sender can correct is a ValueError: 422 with this sentence. Anything else is a 500 without.
        raise ValueError("text: no words; send some")
    return Response(len(request.text.split()))
'''

TEST = '''\
"""CLASS behind the real service: an HTTP server, a queue and worker processes."""

from collections.abc import Iterator

import pytest

from service.testing import Service, serving


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving("MODULE:CLASS", workers=1) as running:
        yield running


def test_an_answer(service: Service) -> None:
    answer = service.score({"text": "storms close the harbour"})

    assert (answer.status, answer.json()) == (200, {"words": 4})


def test_a_request_without_words_is_refused(service: Service) -> None:
    answer = service.score({"text": " "})

    assert (answer.status, answer.json()["detail"]) == (422, "text: no words; send some")


def test_a_request_of_another_shape_is_refused(service: Service) -> None:
    answer = service.score({"text": 1})

    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, "/text")
'''

README = """\
# FOLDER

A scorer for Scorepool. Run these in this folder:

```sh
python -m pytest                                                                             # needs pytest
scorepool check-scorer MODULE:CLASS                                                # before it serves
SCOREPOOL_JWT_SECRET=$(openssl rand -hex 32) scorepool serve --scorer MODULE:CLASS --reload
```

`scorepool try-scorer MODULE:CLASS '{"text": "two words"}'` runs one request without a server. With a model, add
`--model PATH` to each; `__init__` is given the path.
"""
