"""Descriptive terms of clusters."""

import numpy as np

from scoring.training.terms import TERMS_PER_CLUSTER, descriptive_terms

WEATHER = [["the", "storm", "hit", "the", "harbour"], ["the", "storm", "closed", "a", "harbour"]]
MONEY = [["the", "rates", "rise"], ["the", "rates", "fall"], ["the", "banks", "cut", "rates"]]


def test_terms_are_what_a_cluster_has_and_others_have_not() -> None:
    """Words of its documents come first; words of every document are left out."""
    terms = descriptive_terms([*WEATHER, *MONEY], np.array([0, 0, 1, 1, 1]), 2)

    assert terms == [["harbour", "storm"], ["rates"]]


def test_a_cluster_of_one_document_is_described_by_it() -> None:
    """Where there is only one document, its words are all there is; single letters are none."""
    terms = descriptive_terms([*WEATHER[1:], *MONEY], np.array([0, 1, 1, 1]), 2)

    assert terms[0] == ["closed", "harbour", "storm"]


def test_one_character_can_be_a_word() -> None:
    """In Chinese, Japanese and Korean it can be one, in an alphabet it is none."""
    water = ["the", "水", "물", "s", "ж", "ส", "の"]

    terms = descriptive_terms([water, water, *MONEY], np.array([0, 0, 1, 1, 1]), 2)

    assert terms[0] == ["水", "물"]


def test_a_cluster_without_documents_has_no_terms() -> None:
    """A given centroid may be the nearest to no document."""
    assert descriptive_terms(WEATHER, np.array([0, 0]), 2)[1] == []


def test_the_number_of_terms_is_bounded() -> None:
    """The most descriptive are kept, equal ones in the order of the alphabet."""
    words = [f"w{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]

    terms = descriptive_terms([words, words, ["x"]], np.array([0, 0, 1]), 2)

    assert terms[0] == words[:TERMS_PER_CLUSTER]
