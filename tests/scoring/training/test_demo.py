"""The demonstration bundle and its documents."""

from pathlib import Path

from scoring.bundle.bundle import open_bundle
from scoring.embedding.embedder import Embedder
from scoring.similarity.cosine import cosine_matrix, unit_vectors
from scoring.training.demo import demo_documents


def test_the_bundle_is_whole_and_called_demo(demo_bundle: Path) -> None:
    """Every checksum holds; clusters have terms that can be read."""
    bundle = open_bundle(demo_bundle, verify=True)

    assert bundle.manifest.name == "demo"
    assert bundle.manifest.training["documents"] == 300
    assert bundle.manifest.clusters == 12
    assert all(len(terms) >= 3 for terms in bundle.terms)
    assert not {"the", "of", "and"} & {term for terms in bundle.terms for term in terms}


def test_two_of_the_documents_are_alike_and_one_is_not(demo_bundle: Path) -> None:
    """The two reports of one event are the most similar."""
    documents = demo_documents()
    similarities = cosine_matrix(
        unit_vectors(Embedder(open_bundle(demo_bundle)).embed(documents).doc_vectors)
    )

    assert len(documents) == 3
    assert similarities[0, 1] > 0.5
    assert max(similarities[0, 2], similarities[1, 2]) < similarities[0, 1] / 2
