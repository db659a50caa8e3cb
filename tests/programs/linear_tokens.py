"""How the time of each tokenizer grows with hostile texts: `python -m tests.programs.linear_tokens`.

It prints nanoseconds a character at two lengths, the best of three, and fails where they grow with the length.
"""

import sys
import time
from collections.abc import Iterator

from scoring.tokens.names import TOKENIZER_NAMES
from scoring.tokens.tokenizer import Tokenizer

SHORT, LONG = 50_000, 400_000
# Of time a character; where time grew with the square of the length it would be 8. Memory that is touched for the first
# time, and other programs, account for up to 3.
WORST_GROWTH = 4.0
# Repeated to the length of a text.
PIECES = {
    "one word": "a",
    "one word, no ASCII": "é",
    "marks in the wrong order": "\u0301\u0323",
    "marks that come apart": "\u0f73\u0344",
    "a letter and marks in turn": "e\u0323\u0301",
    "letters of Hangul apart": "\u1112\u1161\u11ab",
    "ignored": "a\u00ad\u200d\U000e0100",
    "forms that grow": "\ufdfa\ufb03",
    "capitals that grow": "İ",
    "sigmas": "Σ",
    "Thai marks": "ก\u0e31\u0e49",
    "Thai": "ภาษาไทยน้ำท่วม",
    "Thai, one letter": "ก",
    "Khmer, one letter": "ក",
    "Burmese": "မြန်မာစာသည်",
    "Han, one letter": "一",
    "Han beyond 16 bits": "\U00020000",
    "katakana": "ア",
    "Japanese": "日本語の文章を書く",
    "Han and Latin in turn": "日a",
    "lone surrogates": "\ud800a",
    "blanks": " ",
    "NUL": "\0",
}


def nanoseconds(tokenizer: Tokenizer, text: str) -> float:
    """Return the least time of three per character."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        tokenizer.fold_all([text])
        times.append(time.perf_counter() - began)
    return min(times) * 1e9 / len(text)


def measured() -> Iterator[tuple[str, str, float, float]]:
    """Yield tokenizer, piece, and the times of the short and the long text."""
    for name in TOKENIZER_NAMES:
        tokenizer = Tokenizer(name)
        tokenizer.tokenize("é ก")
        for piece, letters in PIECES.items():
            short, long = (letters * (length // len(letters)) for length in (SHORT, LONG))
            yield name, piece, nanoseconds(tokenizer, short), nanoseconds(tokenizer, long)


def main() -> int:
    """Print every measurement; return 1 if one grows faster than its text."""
    faults = 0
    for name, piece, short, long in measured():
        grows = long > WORST_GROWTH * short
        faults += grows
        print(f"{name:9} {piece:27} {short:8.1f} {long:8.1f} ns/character{'  GROWS' * grows}")
    return faults > 0


if __name__ == "__main__":
    sys.exit(main())
