"""The decoder and the oracle agree; `python -m tests.programs.fuzz` compares them on 100,000 requests."""

import pytest

from service.limits import RequestLimits
from tests.programs.fuzz import decode_here, fuzz
from tests.support.malformed_bodies import corpus, shortened
from tests.support.request_oracle import RequestOracle


@pytest.mark.parametrize(("body", "code"), corpus(), ids=shortened)
def test_the_oracle_agrees_with_the_corpus(body: bytes, code: str) -> None:
    """The schema and the standard library give the codes that were written by hand."""
    assert code in RequestOracle(RequestLimits()).judge(body)


def test_the_decoder_agrees_with_the_oracle() -> None:
    """They agree on 3,000 requests that are changed at random, which produce every common code."""
    seen, wrong = fuzz(3_000, 1, decode_here)

    assert wrong == []
    assert set(seen) >= {"ok", "invalid_json", "invalid_document", "invalid_option", "duplicate_id"}
