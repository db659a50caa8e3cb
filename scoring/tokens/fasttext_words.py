"""`fasttext`: a word is what the official library reads, a maximal run of bytes that are no ASCII white space.

Case, digits and punctuation are kept, and so is white space beyond ASCII, such as U+00A0. The end-of-sentence token
`</s>` is no word of a sentence vector, and none is added here. Source: `FastText::getSentenceVector` of fastText
0.9.2, which reads words with `>>` from a stream in the C locale. It differs in two points: it ends at the first line
feed, which here separates words like any other white space, and it keeps NUL in a word, where its training and this
separate.
"""

from scoring.tokens.words import BLANK

# `isspace` of the C locale but for the line feed, and NUL, which no word of a vocabulary can hold.
_SEPARATORS = b"\t\v\f\r\0"
_FOLDED = bytes.maketrans(_SEPARATORS, bytes([BLANK]) * len(_SEPARATORS))


def fold(text: str) -> bytes:
    """Return `text` as UTF-8; line feeds stay, other white space is blanks, and what UTF-8 cannot hold `?`."""
    return text.encode(errors="replace").translate(_FOLDED)
