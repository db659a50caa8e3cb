"""One request and its answer, as the documentation shows them."""

from typing import Any

DIGEST = "sha256:ae006dfe68f4c60553aa9ca930203c2f1495c180049be5ca526ed31d536d562a"

REQUEST: dict[str, Any] = {
    "documents": [
        {"id": "a", "text": "Storms close the harbour"},
        {"text": "Harbour shut by gales"},
        "Rates rise again",
    ],
    "similarity": "neighbours",
    "neighbours": 1,
}


def _document(name: str, cluster: int, measures: tuple[float, float, float], near: tuple[str, float]) -> Any:
    distance, margin, outlier = measures
    neighbours = [{"id": near[0], "similarity": near[1]}]
    return {
        "id": name,
        "cluster": cluster,
        "distance": distance,
        "margin": margin,
        "outlier": outlier,
        "tokens": 4,
        "known": 0.75,
        "neighbours": neighbours,
    }


ANSWER: dict[str, Any] = {
    "model": {"name": "demo", "digest": DIGEST, "dimensions": 100, "clusters": 24},
    "documents": [
        _document("a", 10, (0.985, 0.003, 0.62), ("1", 0.6)),
        _document("1", 10, (0.824, 0.032, 0.44), ("a", 0.6)),
        _document("2", 2, (1.591, 0.021, 0.91), ("a", -0.01)),
    ],
    "clusters": [
        {"id": 2, "size": 1, "cohesion": 1.0, "terms": ["rates", "bank", "economy"]},
        {"id": 10, "size": 2, "cohesion": 0.89, "terms": ["storm", "harbour", "yacht"]},
    ],
}

# Where a problem can point into the body, and at what.
POINTERS = {
    "too_many_documents": ("/documents", "1001 given, at most 1000 per request; split the request"),
    "document_too_large": (
        "/documents/3",
        "262145 bytes of UTF-8, at most 262144 per text; split it",
    ),
    "invalid_document": ("/documents/3/text", "missing"),
    "duplicate_id": ("/documents/3", "the id of /documents/1"),
    "invalid_option": ("/neighbors", "unknown member"),
}
