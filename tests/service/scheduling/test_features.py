"""The features of a body are estimated without parsing it."""

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.tokens.names import TokenizerName
from scoring.tokens.tokenizer import Tokenizer
from service.scheduling.features import FeatureReader, Features, KnownModel, segment_known

TEXTS = st.text(st.characters(exclude_characters='"\\', codec="utf-8"), max_size=40)
KNOWN = ("storm", "harbour", "gale", "rates")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def body(documents: list[object], **options: object) -> bytes:
    """Serialise a request."""
    return json.dumps({"documents": documents, **options}).encode()


def read(request: bytes) -> Features:
    """Read a body's features with a vocabulary of four words."""
    return FeatureReader(1000, KnownModel(KNOWN.__contains__), Random(1)).read(request)


def unknown_words(n_words: int, seed: int = 1) -> str:
    """Make words that no model knows, of seven letters."""
    random = Random(seed)
    return " ".join("".join(random.choices(LETTERS, k=7)) for _ in range(n_words))


@given(st.lists(TEXTS, min_size=1, max_size=30), st.sampled_from(["plain", "text", "id and text"]))
def test_the_documents_of_an_ordinary_body_are_counted_to_within_a_few(texts: list[str], shape: str) -> None:
    """The quotes give the number of documents; the other members of the request add at most three."""
    shapes: dict[str, list[object]] = {
        "plain": list(texts),
        "text": [{"text": text} for text in texts],
        "id and text": [{"id": str(position), "text": text} for position, text in enumerate(texts)],
    }

    documents = read(body(shapes[shape], similarity="pairs")).documents

    assert len(texts) <= documents <= len(texts) + 3


def test_the_documents_of_a_body_count_up_to_the_limit() -> None:
    """The worker refuses a larger request before it computes anything."""
    assert read(b'"' * 100_000).documents == 1000


@pytest.mark.parametrize("similarity", ["neighbours", "pairs", "matrix", "none"])
def test_the_similarity_is_found_before_and_after_the_documents(similarity: str) -> None:
    """Clients put the options before or after the documents."""
    documents = ["a text of some length"] * 200
    after = body(list(documents), similarity=similarity)
    before = json.dumps({"similarity": similarity, "documents": documents}).encode()

    found = {read(each).similarity for each in (before, after)}

    assert found == {similarity}


def test_a_body_of_any_bytes_has_features() -> None:
    """Nothing is parsed, so no body raises."""
    assert read(b"\xff\x00") == Features(2, 1, "neighbours")


@given(st.binary(max_size=3000))
def test_no_body_has_more_words_than_bytes(request: bytes) -> None:
    """Estimates are bounded: unknown words are among the words."""
    found = FeatureReader(1000, KnownModel(), Random(1)).read(request)

    assert 0 <= found.unknown <= found.words <= found.size


def test_the_words_of_a_large_body_are_estimated() -> None:
    """To within a tenth, from a few hundred bytes of it."""
    texts: list[object] = [unknown_words(500, seed) for seed in range(40)]

    assert read(body(texts)).words == pytest.approx(20_000, rel=0.1)


def test_words_that_the_model_knows_are_told_from_others() -> None:
    """They cost a worker a hundredth."""
    random = Random(1)
    known: list[object] = [" ".join(random.choices(KNOWN, k=2_000)) for _ in range(10)]
    unknown: list[object] = [unknown_words(2_000, seed) for seed in range(10)]

    assert read(body(known)).unknown == 0
    assert read(body(unknown)).unknown == pytest.approx(20_000, rel=0.1)


def test_a_word_that_occurs_often_is_unknown_once() -> None:
    """Its vector is computed once."""
    found = read(body(["xqzw " * 10_000] * 5))

    assert found.unknown < found.words / 20


@pytest.mark.parametrize("ascii_only", [True, False])
def test_escaped_words_are_looked_up_as_the_worker_does(ascii_only: bool) -> None:
    """However the client writes what is not ASCII."""
    words = "Буря в порту " * 3_000
    request = json.dumps({"documents": [words]}, ensure_ascii=ascii_only).encode()
    known = {"буря", "в", "порту"}

    assert FeatureReader(1000, KnownModel(known.__contains__), Random(1)).read(request).unknown == 0


def reader_of(name: TokenizerName, known: set[str]) -> FeatureReader:
    """Return a reader for a model with this tokenizer and these words."""
    tokenizer = Tokenizer(name, segment=segment_known(known.__contains__))
    return FeatureReader(1000, KnownModel(known.__contains__, tokenizer=tokenizer), Random(1))


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fasttext", 'The U.S. said: "don\'t"\tbuy é\n'),
        ("gensim", "THE don_t été _x 2020 "),
        ("letters", "हिन्दी में मौसम "),
        ("letters", "日本語の文章を書く。"),
        ("letters", "ภาษาไทยน้ำท่วม"),
    ],
)
def test_the_words_of_a_tokenizer_are_looked_up(name: TokenizerName, text: str, ascii_only: bool) -> None:
    """As the worker finds them, in short texts too, whose quotes and brackets are between the windows' words."""
    words = {"日本語", "の", "文章", "を", "書く", "ภาษา", "ไทย", "น้ำ", "ท่วม"}
    known = words | set(Tokenizer(name, segment=segment_known(words.__contains__)).tokenize(text))
    documents = [{"text": text * 4}] * 1_000
    request = json.dumps({"documents": documents}, ensure_ascii=ascii_only).encode()

    found = reader_of(name, known | {"text"}).read(request)

    # Where a window begins within a word without spaces, its rest is not known.
    assert found.unknown < 0.2 * found.words


def test_a_text_without_spaces_has_words_for_fasttext_too() -> None:
    """They are long, and each is unknown: a text of them must not look as if it cost nothing."""
    request = json.dumps({"documents": ["日本語" * 20_000]}, ensure_ascii=False).encode()

    found = reader_of("fasttext", set()).read(request)

    assert found.unknown == found.words > 1_000


def test_where_no_whole_word_is_seen_all_are_taken_for_unknown() -> None:
    """What is not seen is assumed to be expensive."""
    found = read(body([" ".join("x" * 64 for _ in range(2_000))] * 5))

    assert found.unknown == found.words > 1_000


def test_a_body_without_letters_has_no_words() -> None:
    """It will be refused, or costs what reading it costs."""
    assert read(b"[" * 1_000_000).words == 0


def test_the_windows_cannot_be_foreseen() -> None:
    """Known words where a window was seen once do not hide the others."""
    request = body([unknown_words(20_000)])
    seen: list[str] = []

    def knows(word: str) -> bool:
        seen.append(word)
        return False

    reader = FeatureReader(1000, KnownModel(knows), Random(1))
    for _ in range(10):
        reader.read(request)

    assert len(set(seen)) > 0.9 * len(seen)
