"""The scorers in `examples`, each behind the real server."""

import io
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pytest
from gensim.models import FastText
from PIL import Image

from examples.news import do_score
from service.testing import Service, serving
from tests.support.scorer_models import write_news_model, write_sentence_model, write_spam_model

EXAMPLES = Path(__file__).parents[2] / "examples"

DOCUMENTS = ["Storms close the harbour", "Harbour shut by gales", "Rates rise again"]


def picture(kind: str = "PNG", size: tuple[int, int] = (64, 48), turned: int = 0) -> bytes:
    """Return a file with a picture of a gradient."""
    file = io.BytesIO()
    gradient = Image.linear_gradient("L").rotate(90 + turned).resize(size)
    gradient.save(file, kind)
    return file.getvalue()


@pytest.fixture(scope="module")
def news_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a FastText model and a K-Means."""
    return write_news_model(tmp_path_factory.mktemp("models") / "news")


@pytest.fixture(scope="module")
def news(news_model: Path) -> Iterator[Service]:
    """Serve the pipeline with loops."""
    with serving("examples.news:NewsScorer", news_model, workers=1) as service:
        yield service


@pytest.fixture(scope="module")
def spam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve the pipeline of scikit-learn."""
    model = write_spam_model(tmp_path_factory.mktemp("models") / "spam.joblib")
    with serving("examples.spam:SpamScorer", model, workers=1) as service:
        yield service


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve the static vectors."""
    model = write_sentence_model(tmp_path_factory.mktemp("models") / "sentences")
    with serving("examples.sentences:SentenceScorer", model, workers=1) as service:
        yield service


@pytest.fixture(scope="module")
def pictures() -> Iterator[Service]:
    """Serve the hash of pictures."""
    with serving("examples.pictures:PictureScorer", workers=1) as service:
        yield service


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short(path: Path) -> None:
    """Under 40 lines, everything included."""
    assert len(path.read_text().splitlines()) < 40


def test_the_pipeline_with_loops_answers_as_without_a_server(news: Service, news_model: Path) -> None:
    """The same clusters and the same nearest documents, to the last bit of every float."""
    words = FastText.load(str(news_model / "fasttext.model")).wv
    kmeans = joblib.load(news_model / "kmeans.joblib")

    answer = news.score({"documents": DOCUMENTS})

    assert (answer.status, answer.json()) == (200, do_score(words, kmeans, DOCUMENTS))


def test_the_pipeline_with_loops_says_where_a_request_is_wrong(news: Service) -> None:
    """The TypedDict alone does."""
    answer = news.score({"documents": ["Storms close the harbour", 7]})

    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, "/documents/1")


def test_messages_are_classified(spam: Service) -> None:
    """What looks like the unwanted messages of the training is likely to be unwanted."""
    unwanted, wanted = (
        spam.score({"text": text}).json()["spam"] for text in ("free money", "meeting at noon")
    )

    assert wanted < 0.3
    assert unwanted > 0.7


def test_the_digest_of_the_pipelines_file_is_shown(spam: Service) -> None:
    """Beside name and version."""
    info = spam.send("GET", "/info").json()["scorer"]

    assert (info["name"], info["version"]) == ("SpamScorer", "1")
    assert info["digest"].startswith("sha256:")


def test_sentences_become_unit_vectors(sentences: Service) -> None:
    """One for each text, in order, as numbers of an array."""
    answer = sentences.score({"texts": ["Storm, storm!", "the gale"]})

    assert answer.status == 200
    np.testing.assert_allclose(answer.json()["vectors"], [[1, 0, 0], [0.5**0.5, 0.5**0.5, 0]], atol=1e-6)


def test_a_sentence_without_known_words_is_refused(sentences: Service) -> None:
    """With the scorer's own sentence."""
    answer = sentences.score({"texts": ["storm", "xqzw"]})

    assert (answer.status, answer.json()["code"]) == (422, "invalid_document")
    assert answer.json()["detail"] == "texts: one of them has no word that the model knows"


def test_a_picture_has_the_same_hash_in_every_format_and_size(pictures: Service) -> None:
    """And another one when it is turned."""
    small = pictures.score(picture(), "image/png").json()
    large = pictures.score(picture("JPEG", (640, 480)), "image/jpeg").json()
    turned = pictures.score(picture(turned=180), "image/png").json()

    assert small["hash"] == large["hash"] != turned["hash"]
    assert (large["width"], large["height"]) == (640, 480)


def test_a_file_that_is_no_picture_is_refused(pictures: Service) -> None:
    """With 422, whatever Pillow raises."""
    for body in (b"", b"GIF89a", picture()[:60], b"\x89PNG\r\n\x1a\n" + bytes(100)):
        answer = pictures.score(body, "image/png")
        assert (answer.status, answer.json()["code"]) == (422, "invalid_document"), body


def test_another_kind_of_file_is_not_taken(pictures: Service) -> None:
    """`accepts` names the media types."""
    answer = pictures.score(b"{}", "application/json")

    assert (answer.status, answer.json()["code"]) == (415, "unsupported_media_type")
