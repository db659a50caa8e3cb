"""The page marks the words of a text where they stand in it, in any script and with each tokenizer."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from scoring.tokens.names import TOKENIZER_NAMES, TokenizerName
from scoring.tokens.tokenizer import Tokenizer
from tests.browser.conftest import Open
from tests.support.languages import REPORTS, build_languages
from tests.support.scripts import ROWS
from tests.support.server import running_server

FIND = """async ({ text, tokenizer, tokens }) => {
    const { findWords } = await import("/static/page/words.js");
    return findWords(text, tokenizer, new Set(tokens)).map(({ word }) => word);
}"""


@pytest.mark.parametrize("name", TOKENIZER_NAMES)
def test_words_are_found_as_the_service_finds_them(opened: Open, name: TokenizerName) -> None:
    """In twenty scripts: all of them, in their order."""
    page = opened().open()

    for row in ROWS:
        tokens = Tokenizer(name).tokenize(row.text)
        found = page.evaluate(FIND, {"text": row.text, "tokenizer": name, "tokens": tokens})
        assert found == tokens, row.script


def test_marked_words_are_those_of_the_text(opened: Open, tmp_path: Path) -> None:
    """Devanagari, Arabic with vowel signs and Japanese: whole words are marked, the text stays and runs as it was."""
    build_languages(tmp_path / "bundle")
    documents = [report for reports in REPORTS.values() for report in reports]
    with running_server(tmp_path / "bundle", workers=1) as server:
        server.await_ready()
        page = opened(server).score(*documents)
        for position, direction in ((0, "ltr"), (6, "rtl"), (12, "ltr")):
            row = page.locator("#table tbody tr").nth(position).get_by_role("button")
            row.click()
            text = page.locator(".texts .text-body[aria-label='Text with marked words']").first
            expect(text).to_have_text(documents[position])
            expect(text).to_have_css("direction", direction)
            expect(row).to_have_css("direction", direction)
            marked = page.locator(".texts mark").all_inner_texts()
            words = {word for document in documents for word in Tokenizer().tokenize(document)}
            assert marked
            assert {"".join(Tokenizer().tokenize(mark)) for mark in marked} <= words
