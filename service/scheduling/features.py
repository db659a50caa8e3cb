"""What can be told of a body without parsing it: how much there is to read, to look up and to compare.

    body ── count quotes ──────────────→ documents, bounded from above
       ├─── edges ──────────────────────→ similarity and the options that make answers large
       └─── up to `MAX_WINDOWS` windows ─→ words, and how many of them the model does not know

Words are sampled, since their number alone says little: a word that the model does not know costs a worker a
hundred times one that it knows. The windows are at equal distances from a random place on, so that a client cannot
know which of its words are seen.
"""

import re
from collections.abc import Callable, Iterator, Set
from functools import lru_cache
from random import Random
from typing import NamedTuple

import numpy as np

from scoring.tokens.segmenters import Segment
from scoring.tokens.tokenizer import Tokenizer
from service.api.request import Operation

# Whether the model knows a word; a microsecond.
KnowsWord = Callable[[str], bool]

# The options and the shape of the documents are searched for here: serialisers put options first or last.
_EDGE_BYTES = 512

_SMALL_BYTES = 8 * 1024

# {"id":"a","text":"b"} has eight quotes, {"text":"b"} four, "b" two.
_QUOTES_WITH_ID, _QUOTES_WITH_TEXT, _QUOTES_PLAIN = 8, 4, 2

SIMILARITIES = ("matrix", "pairs", "none", "neighbours")
# In place of a similarity for a body to be explained, whose work has other parts.
EXPLANATION = "explanation"
_DEFAULT_SIMILARITY = "neighbours"
_NAMED = {name: name.encode() for name in SIMILARITIES if name != _DEFAULT_SIMILARITY}

# The options that make an answer large, and the ids in it. In a text the quotes would be escaped.
_NEIGHBOURS = re.compile(rb'"neighbours"\s*:\s*(\d{1,3})')
_VECTORS = re.compile(rb'"vectors"\s*:\s*true')
_THRESHOLD = re.compile(rb'"threshold"\s*:\s*(-?\d+(?:\.\d+)?)')
_ID = re.compile(rb'"id"\s*:\s*"([^"]*)"')

_DEFAULT_NEIGHBOURS = 5
_MOST_NEIGHBOURS = 100

# What answers of these hold grows with the square of the documents, so that quotes in the texts must not count.
_QUADRATIC = frozenset({"matrix", "pairs"})

# Sixty documents of a kilobyte; looking at them takes 20 µs.
_QUOTE_PIECES = 16
_QUOTE_PIECE_BYTES = 4 * 1024

# From this threshold on few of all pairs reach it.
_LOW_THRESHOLD = 0.5

# A window of 64 bytes has 11 words; both ends are cut, so that 9 are whole. To look them up takes about 5 µs. A small
# body is cheap with any words, so one window is enough; the six of a large one estimate the share of unknown words
# with a standard error of at most 7 %. Where letters are escaped, six bytes are one.
_WINDOW_BYTES = 64
_ESCAPED_WINDOW_BYTES = 4 * _WINDOW_BYTES
_BYTES_PER_WINDOW = 8 * 1024
MAX_WINDOWS = 6

# So many unknown words in a sample are taken for chance, names for example: with one window they would decide the
# cost of an ordinary small body, and batches would be of the wrong size.
_CHANCE = 2

# Words of scripts without spaces have one to a few characters; longer ones are taken for several.
_LONGEST_UNSPACED = 8

# Most of a text is a few thousand words again and again, and to look one of them up takes a fifth of the time; each
# takes a tenth of a kilobyte.
RECENT_WORDS = 4_096

# What is left of the members of a request between two texts; no other words are so.
_BRACKETS = "{}[]:,"
# Stands for an escaped quote while the others are blanked; JSON has no such character.
_QUOTE_OF_TEXT = "\x01"

# An escaped character, as `json.dumps` writes any that is not ASCII, or another escape: \n, \", \\. Without one of
# the first kind, it is enough to replace those of the second that are a letter and frequent.
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)")

# What is left of an escaped character at the beginning and the end of a window.
_CUT_ESCAPE = re.compile(r"^u?[0-9a-fA-F]{0,4}(?=\\u)|\\(?:u[0-9a-fA-F]{0,3})?$")


def no_vocabulary(word: str) -> bool:
    """Know no word: bodies are predicted to be as expensive as they can be, until more is learned."""
    return False


def segment_known(knows_word: KnowsWord) -> Segment:
    """Return a segmenter that takes the longest known words from the left, and other letters one by one.

    It is near enough to a dictionary's words to count them, and needs none: the model's words are a dictionary.
    """

    def words(span: str) -> Iterator[str]:
        start = 0
        while start < len(span):
            ends = range(min(len(span), start + _LONGEST_UNSPACED), start + 1, -1)
            end = next((end for end in ends if knows_word(span[start:end])), start + 1)
            yield span[start:end]
            start = end

    return lambda spans: [" ".join(words(span)) for span in spans]


class Features(NamedTuple):
    """What is known of a body without parsing it.

    size: its bytes. documents: a bound on them. similarity: the option, or `EXPLANATION`. words: their estimated
    number. unknown: of those, the estimated number that the model does not know, equal ones counted once. neighbours,
    vectors: the options. low_threshold: whether most pairs could reach the threshold. id_bytes: of the longest id that
    was seen, 0 without one. likely_documents: where the answer grows with their square, without the quotes of the
    texts; else 0.
    """

    size: int
    documents: int
    similarity: str
    words: float = 0.0
    unknown: float = 0.0
    neighbours: int = _DEFAULT_NEIGHBOURS
    vectors: bool = False
    low_threshold: bool = False
    id_bytes: int = 0
    likely_documents: int = 0


class KnownModel(NamedTuple):
    """What predictions need to know of the model: its words, dimensions and clusters, and what a word is."""

    knows_word: KnowsWord = no_vocabulary
    dimensions: int = 0
    clusters: int = 0
    tokenizer: Tokenizer = Tokenizer("letters", segment=segment_known(no_vocabulary))


class FeatureReader:
    """Estimates the features of bodies: some ten microseconds, and for a large body 10 GB/s beside."""

    def __init__(self, max_documents: int, model: KnownModel, random: Random) -> None:
        self._max_documents = max_documents
        self._knows_word = lru_cache(RECENT_WORDS)(model.knows_word)
        self._tokenizer = model.tokenizer
        self._random = random

    def read(self, body: bytes, operation: Operation = "score") -> Features:
        """Return the features of a body."""
        edges = body[:_EDGE_BYTES] + body[-_EDGE_BYTES:]
        # Whatever is between two quotes: texts, and the names of the members.
        quoted = frozenset(edges.split(b'"')[1:-1])
        documents = _count_quotes(body) // _quotes_of_document(quoted)
        similarity = EXPLANATION if operation == "explain" else _similarity(quoted)
        # One byte is found in a tenth of the time of two, and most bodies have no backslash.
        escaped = b"\\" in edges and b"\\u" in edges
        words, unknown = self._sample(body, _ESCAPED_WINDOW_BYTES if escaped else _WINDOW_BYTES)
        bounded = max(1, min(documents, self._max_documents))
        read = Features(len(body), bounded, similarity, words, unknown, *_options(edges, quoted))
        if similarity not in _QUADRATIC:
            return read
        likely = int(documents * (1 - self._escaped_share(body)))
        return read._replace(likely_documents=max(1, min(likely, self._max_documents)))

    def _escaped_share(self, body: bytes) -> float:
        """Estimate how many of a body's quotes are escaped: quotes of the texts, and of no document."""
        if len(body) > _QUOTE_PIECES * _QUOTE_PIECE_BYTES:
            stride = len(body) // _QUOTE_PIECES
            start = int(self._random.random() * (stride - _QUOTE_PIECE_BYTES))
            pieces = (body[at : at + _QUOTE_PIECE_BYTES] for at in range(start, len(body), stride))
            body = b"".join(pieces)
        octets = np.frombuffer(body, np.uint8)
        quotes = octets[1:] == ord('"')
        escaped = quotes & (octets[:-1] == ord("\\"))
        return int(np.count_nonzero(escaped)) / max(1, int(np.count_nonzero(quotes)))

    def _sample(self, body: bytes, window_bytes: int) -> tuple[float, float]:
        """Estimate the words of a body, and the distinct unknown ones among them."""
        n_windows = min(MAX_WINDOWS, 1 + len(body) // _BYTES_PER_WINDOW)
        stride = max(1, len(body) // n_windows)
        start = int(self._random.random() * max(1, stride - window_bytes))
        n_bytes = n_words = 0
        texts: list[str] = []
        whole: list[str] = []
        for at in range(start, start + n_windows * stride, stride):
            window = body[at : at + window_bytes]
            n_bytes += len(window)
            texts.append(_unescaped(window))
        for tokens in self._tokenizer.tokenize_all(texts):
            words = [word for word in tokens if word.strip(_BRACKETS)]
            # Of the two words that are cut, one belongs to this window, and a word without spaces goes on and on.
            n_words += max(1, len(words) - 1) if words else 0
            whole += words[1:-1]
        estimated = n_words * len(body) / max(1, n_bytes)
        if len(whole) <= _CHANCE:
            return estimated, estimated
        known = self._knows_word
        n_unknown = len([word for word in set(whole) if not known(word)])
        return estimated, estimated * max(0, n_unknown - _CHANCE) / (len(whole) - _CHANCE)


def _quotes_of_document(quoted: Set[bytes]) -> int:
    if b"text" not in quoted:
        return _QUOTES_PLAIN
    return _QUOTES_WITH_ID if b"id" in quoted else _QUOTES_WITH_TEXT


def _similarity(quoted: Set[bytes]) -> str:
    if b"similarity" in quoted:
        for name, named in _NAMED.items():
            if named in quoted:
                return name
    return _DEFAULT_SIMILARITY


def _options(edges: bytes, quoted: Set[bytes]) -> tuple[int, bool, bool, int]:
    """Return neighbours, vectors, whether the threshold is low, and the bytes of the longest id."""
    # A look-up takes a fiftieth of the time of a search, and most bodies have none of these.
    neighbours = _NEIGHBOURS.search(edges) if b"neighbours" in quoted else None
    threshold = _THRESHOLD.search(edges) if b"threshold" in quoted else None
    return (
        min(int(neighbours[1]), _MOST_NEIGHBOURS) if neighbours else _DEFAULT_NEIGHBOURS,
        b"vectors" in quoted and _VECTORS.search(edges) is not None,
        threshold is not None and float(threshold[1]) < _LOW_THRESHOLD,
        max(map(len, _ID.findall(edges)), default=0) if b"id" in quoted else 0,
    )


def _count_quotes(body: bytes) -> int:
    """Return how many there are; in a large body six times as fast as `bytes.count`, which stops at each."""
    if len(body) < _SMALL_BYTES:
        return body.count(b'"')
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == ord('"')))


def _unescaped(window: bytes) -> str:
    """Return the texts in a piece of JSON, with blanks for white space that is escaped and for quotes between texts."""
    text = window.decode(errors="ignore")
    if "\\" not in text:
        return text.replace('"', " ")
    text = text.replace('\\"', _QUOTE_OF_TEXT).replace('"', " ").replace(_QUOTE_OF_TEXT, '"')
    if "\\u" not in text:
        return text.replace("\\n", " ").replace("\\t", " ").replace("\\r", " ")
    whole = _CUT_ESCAPE.sub("", text)
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", whole)
