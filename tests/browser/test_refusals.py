"""What the page shows when the service refuses, is busy, or is no longer wanted."""

import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.support.browser import load_sample
from tests.support.server import Server, running_server


@pytest.fixture(scope="module")
def narrow(demo_bundle: Path) -> Iterator[Server]:
    """Run a server with one worker and hardly any queue."""
    with running_server(demo_bundle, workers=1, queue_budget_s=0.001) as server:
        server.await_ready()
        yield server


def test_a_refused_token_is_told_with_the_request_id(opened: Open, server: Server) -> None:
    """In the problem's own words; with a good token in the field it goes on."""
    page = opened().open(token="not.a.token")
    load_sample(page)
    page.click("#score")

    expect(page.locator("#problem .problem-title")).to_have_text("The bearer token is not valid")
    request_id = page.locator(".problem-id").inner_text().removeprefix("Request ")
    (line,) = server.journal.await_events(event="request", request_id=request_id)
    assert line["status"] == 401
    assert page.locator("#results").is_hidden()

    page.fill("#token", server.token)
    page.click("#score")
    expect(page.locator("#table tbody tr")).to_have_count(20)


def test_a_busy_service_is_asked_again_when_it_says(opened: Open, narrow: Server) -> None:
    """A 503 counts down its Retry-After; the answer comes without another click."""
    page = opened(narrow).open()
    load_sample(page)
    with narrow.begin(b"sleep 4"):
        narrow.busy_worker()
        with narrow.begin(b"echo x\n" + b"storm harbour gale rates " * 8_000):
            narrow.await_queue(1)

            page.click("#score")

            expect(page.locator("#problem")).to_contain_text("The service is overloaded")
            expect(page.locator("#elapsed")).to_contain_text("Trying again in")
            expect(page.locator("#table tbody tr")).to_have_count(20)
            assert page.locator("#problem").inner_text() == ""


def test_cancelling_frees_the_slot(opened: Open, narrow: Server) -> None:
    """The service notices that the client has left, and its only worker is there for the next one."""
    # Words that no model knows cost the most: these take a worker some seconds.
    letters = random.Random(1)
    words = ("".join(letters.choices("bcdfghjklmnpqrstvwxz", k=12)) for _ in range(300_000))
    lines = "\n".join(" ".join(islice(words, 10_000)) for _ in range(30))
    mark = len(narrow.journal.events)
    page = opened(narrow).open()
    page.set_input_files("#file", {"name": "a.txt", "mimeType": "text/plain", "buffer": lines.encode()})
    expect(page.locator("#count")).to_contain_text("30 documents")
    page.click("#score")
    narrow.busy_worker()

    page.click("#cancel")

    expect(page.locator("#message")).to_have_text("Cancelled.")
    narrow.journal.await_events(since=mark, event="request", route="/score", status=499)
    page.click("#clear")
    page.fill("#texts", "Storms close the harbour\nHarbour shut by gales")
    page.click("#score")
    expect(page.locator("#table tbody tr")).to_have_count(2)
    assert narrow.status()["slots"][0]["state"] == "ready"
