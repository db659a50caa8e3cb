"""Request bodies, and the forms in which systems take them."""

import json

from bench.harness.documents import HUGE, SMALL, bodies, unwrapped, wrapped


def test_requests_hold_as_many_documents_as_they_say() -> None:
    """Also where that is more than there are texts. Two runs make the same bytes."""
    texts = [f"text {i}" for i in range(10)]

    small, huge = bodies(SMALL, texts), bodies(HUGE, texts)

    assert {len(json.loads(body)["documents"]) for body in small} == {4}
    assert [len(json.loads(body)["documents"]) for body in huge] == [1000]
    assert small == bodies(SMALL, texts)


def test_each_form_carries_the_same_bytes() -> None:
    """As a JSON member, and as a tensor there and back."""
    body = b'{"documents": ["a \\" quote"]}'
    tensor = json.loads(wrapped(body, "v2"))["inputs"][0]["data"][0]

    assert wrapped(body, "raw") == body
    assert json.loads(wrapped(body, "member"))["body"].encode() == body
    assert tensor.encode() == body
    assert unwrapped(json.dumps({"outputs": [{"data": ["answer"]}]}).encode(), "v2") == b"answer"
