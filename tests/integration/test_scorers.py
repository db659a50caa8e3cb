"""A scorer of the user's own behind the real server: its types, its answers, and what the service says of it."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from service.api.response import Info
from tests.support.server import Server, serving


@pytest.fixture(scope="module")
def lengths() -> Iterator[Server]:
    """Run a server with typed requests."""
    with serving("Lengths") as server:
        server.await_ready()
        yield server


def test_a_request_is_answered_as_its_types_say(lengths: Server) -> None:
    """Arrays of NumPy are lists; the stages are the scorer's."""
    reply = lengths.score(b'{"text": "four", "times": 2}')

    assert (reply.status, json.loads(reply.body)) == (200, {"length": 8, "vector": [0.0, 1.0]})
    assert [part.split(";")[0] for part in reply.headers["server-timing"].split(", ")] == [
        "queue", "decode", "score", "encode",
    ]  # fmt: skip


def test_a_body_of_the_wrong_shape_is_told_where(lengths: Server) -> None:
    """By a JSON pointer, as for documents."""
    reply = lengths.score(b'{"text": "four", "times": "2"}')

    assert (reply.status, reply.code) == (422, "invalid_document")
    assert json.loads(reply.body)["errors"][0]["pointer"] == "/times"
    assert lengths.score(b"{").code == "invalid_json"


def test_what_is_served_is_told(lengths: Server) -> None:
    """By `/info`, the metrics and the OpenAPI document, without what belongs to documents."""
    info = msgspec.json.decode(lengths.request("GET", "/info").body, type=Info)
    document = json.loads(lengths.request("GET", "/openapi.json").body)
    metrics = lengths.request("GET", "/metrics").body.decode()

    assert (info.scorer.name, info.scorer.version, info.scorer.digest) == ("Lengths", "1.2", "sha256:lengths")
    assert info.model is msgspec.UNSET
    assert "max_documents" not in info.limits
    body = document["paths"]["/score"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert document["components"]["schemas"][body["$ref"].rpartition("/")[2]]["required"] == ["text"]
    assert "/explain" not in document["paths"]
    assert 'scorepool_model_info{name="Lengths",digest="sha256:lengths"} 1' in metrics
    assert "scorepool_cluster_assignments_total" not in metrics


def test_there_is_nothing_to_explain(lengths: Server) -> None:
    """That is the built-in scorer's alone."""
    assert lengths.request("POST", "/explain", b"{}", lengths.headers).status == 404


def test_a_function_for_bytes_takes_and_gives_its_media_type() -> None:
    """Any other type is refused, on the way in and on the way out."""
    with serving("reverse") as server:
        server.await_ready()

        reply = server.score(b"abc", Content_Type="image/png", Accept="image/*")

        assert (reply.status, reply.headers["content-type"], reply.body) == (200, "image/png", b"cba")
        assert server.score(b"abc").code == "unsupported_media_type"
        assert server.score(b"abc", Content_Type="image/png", Accept="text/html").code == "not_acceptable"


def test_the_model_is_given_to_the_constructor(tmp_path: Path) -> None:
    """As a path, also where it was named relative to the server's folder."""
    model = tmp_path / "weight.txt"
    model.write_text("2.5")

    with serving("Weighted", model=model) as server:
        server.await_ready()

        assert server.score(b"4").body == b"10.0"


def test_nonsense_of_cost_is_logged_once_and_ignored() -> None:
    """Costs are then learned from sizes alone."""
    with serving("NonsenseCost") as server:
        server.await_ready()

        assert server.score(b"4").body == b"4"
        assert len(server.journal.find(event="scorer_cost_ignored")) == 1


def test_a_worker_has_no_secret() -> None:
    """What a scorer prints of its environment, or sends to a tracker of errors, holds none."""
    with serving("secrets") as server:
        server.await_ready()

        assert json.loads(server.score(b"1").body) == []


def test_an_answer_that_is_too_large_is_told_without_words_of_documents() -> None:
    """The sentence fits whatever is scored."""
    with serving("repeat") as server:
        server.await_ready()

        reply = server.score(b"65")

        assert (reply.status, reply.code) == (422, "invalid_option")
        assert json.loads(reply.body)["detail"].endswith("at most 67108864; ask for less in one request")
