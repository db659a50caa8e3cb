"""Texts and bodies to measure with."""

import json
from pathlib import Path

import pytest

from scoring.bundle.bundle import open_bundle, write_bundle
from scoring.tokens.tokenizer import Tokenizer
from service.capacity.texts import DEFAULT_WORDS, made_texts, make_bodies
from tests.support import small_bundle


def test_made_texts_are_as_long_and_as_known_as_those_of_the_training(demo_bundle: Path) -> None:
    """Their words occur as often as in the corpus, and so many more are unknown."""
    bundle = open_bundle(demo_bundle)
    facts = bundle.manifest.training

    texts = made_texts(bundle, 300, unknown=0.1, seed=1)

    words = [word for text in texts for word in Tokenizer().tokenize(text)]
    assert len(words) / len(texts) == pytest.approx(facts["tokens"] / facts["documents"], rel=0.05)
    assert sum(word not in bundle.vocabulary for word in words) / len(words) == pytest.approx(0.1, abs=0.01)
    assert 0.03 < words.count("the") / len(words) < 0.1


def test_a_bundle_without_frequencies_gets_texts_too(tmp_path: Path) -> None:
    """An imported one has plain means, and does not say how long its texts were."""
    write_bundle(
        tmp_path / "bundle", small_bundle.model(pooling="mean", components=small_bundle.model().components)
    )

    texts = made_texts(open_bundle(tmp_path / "bundle"), 50, unknown=0.0, seed=1)

    assert sum(len(text.split()) for text in texts) / 50 == pytest.approx(DEFAULT_WORDS, rel=0.05)


def test_the_same_seed_makes_the_same_texts(demo_bundle: Path) -> None:
    """Another one makes others."""
    bundle = open_bundle(demo_bundle)

    first, again, other = (made_texts(bundle, 3, 0.2, seed) for seed in (1, 1, 2))

    assert first == again != other


def test_bodies_have_the_documents_asked_for_and_differ() -> None:
    """Texts are used again only where there are too few."""
    bodies = [json.loads(body) for body in make_bodies([f"text {i}" for i in range(100)], 30)]

    assert all(len(body["documents"]) == 30 for body in bodies)
    assert bodies[0]["documents"][0] == "text 0"
    assert bodies[1]["documents"][0] == "text 30"
