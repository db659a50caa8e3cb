"""Scoring on the page: documents in, views that follow each other, and what is taken away."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.support.browser import load_sample
from tests.support.server import Server

STORMS = (
    "Storms close the harbour",
    "Storms close the old harbour",
    "Rates rise again",
    "Storms close the harbour",
)

# After the next frame, in which the caption is written.
ON_A_DOCUMENT = """new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(
    () => resolve(document.querySelector('#map-caption').textContent !== ''))))"""


def point_of_the_map(page: Page) -> tuple[float, float]:
    """Move the pointer over the map until it is on a document; return where."""
    page.locator("#map").scroll_into_view_if_needed()
    box = page.locator("#map").bounding_box()
    assert box is not None
    for i in range(1_000):
        # Spread evenly over the map, however many it takes: the additive sequence of Roberts (2018).
        x, y = box["x"] + (i * 0.7549 % 1) * box["width"], box["y"] + (i * 0.5698 % 1) * box["height"]
        page.mouse.move(x, y)
        if page.evaluate(ON_A_DOCUMENT):
            return x, y
    raise AssertionError("there is no document on the map")


def test_a_point_of_the_sample_shows_neighbours_and_their_words(opened: Open) -> None:
    """From one click on the sample to the words of a pair, which add up to its cosine as the service says."""
    visit = opened()
    page = visit.score()

    page.mouse.click(*point_of_the_map(page))

    expect(page.locator(".neighbours button")).to_have_count(10)
    expect(page.locator(".texts mark.for").first).to_be_visible()
    for words in page.locator(".words").all():
        *parts, total = (float(text.replace("−", "-")) for text in words.locator(".number").all_inner_texts())
        assert sum(parts) == pytest.approx(total, abs=0.0005 * len(parts) + 0.001)
    chosen = page.locator(".neighbours button[aria-pressed=true] strong").inner_text()
    assert chosen == page.locator(".words .total .number").first.inner_text()


def test_the_views_follow_a_brush(opened: Open) -> None:
    """What is selected by dragging on the map is what the table lists and the clusters count; Escape clears it."""
    page = opened().score()
    page.locator("#map").scroll_into_view_if_needed()
    box = page.locator("#map").bounding_box()
    assert box is not None

    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()

    # The table is out of sight and waits for the end.
    expect(page.locator("#rows")).not_to_contain_text("of 50")
    selected = int(page.locator("#rows").inner_text().split()[-1])
    expect(page.locator("#brush-text")).to_have_text(f"{selected} of 50 documents are selected")
    expect(page.locator("#clusters .share").first).to_contain_text("of")
    shares = page.locator("#clusters .share").all_inner_texts()
    assert sum(int(share.split()[0]) for share in shares) == selected
    page.locator("#map").press("Escape")
    expect(page.locator("#brush-text")).to_have_text("All 50 documents are shown")


def test_the_keyboard_is_enough(opened: Open) -> None:
    """To choose a document on the map and a pair in the matrix; what is under the cursor is spoken."""
    page = opened().score()

    page.locator("#map").press("ArrowRight")
    expect(page.locator("#spoken")).to_contain_text("cluster")
    page.locator("#map").press("Enter")
    expect(page.locator(".neighbours button")).to_have_count(10)
    page.locator("#heat-marks").press("ArrowRight")
    page.locator("#heat-marks").press("ArrowRight")
    page.locator("#heat-marks").press("Enter")

    cosine = page.locator("#spoken").inner_text().split()[0]
    expect(page.locator(".words .total .number").first).to_contain_text(cosine[:-1])


def test_near_duplicates_are_listed_from_the_threshold_on(opened: Open) -> None:
    """Equal documents are at the top; choosing a pair puts its texts beside each other."""
    page = opened().score(*STORMS)

    page.locator("#threshold").fill("1")

    expect(page.locator("#duplicates-count")).to_have_text("1 pair")
    page.locator("#duplicates button").click()
    expect(page.locator(".texts .text-body")).to_have_text([STORMS[0], STORMS[3]])
    page.locator("#threshold").fill("0.3")
    expect(page.locator("#duplicates-count")).not_to_have_text("1 pair")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("news.txt", "Storms close the harbour\n\nRates rise again\n"),
        ("news.jsonl", '{"id": "a", "text": "Storms close\\nthe harbour"}\n"Rates rise again"\n'),
        ("news.csv", 'id,text\r\na,"Storms, ""gales"""\r\nb,Rates rise\r\n'),
        ("sheet.csv", "id;text\r\na;Storms, gales\r\nb;Rates rise\r\n"),
        ("news.tsv", "id\ttext\na\tStorms, gales\nb\tRates rise\n"),
        ("alone.tsv", "text\na: Storms, gales\nRates rise\n"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_is_scored(opened: Open, name: str, content: str, encoding: str) -> None:
    """Texts may have line breaks, commas and quotes, and ids of their own; a byte order mark says the encoding."""
    page = opened().open()

    page.set_input_files(
        "#file", {"name": name, "mimeType": "text/plain", "buffer": content.encode(encoding)}
    )

    expect(page.locator("#count")).to_have_text(f"2 documents from {name}")
    page.click("#score")
    expect(page.locator("#table tbody tr")).to_have_count(2)
    if name != "news.txt":
        expect(page.locator("#table tbody tr").first).to_contain_text("a: Storms")


def test_a_file_that_cannot_be_read_is_explained(opened: Open) -> None:
    """With the line, and without losing what is there."""
    page = opened().open()

    page.set_input_files(
        "#file", {"name": "a.jsonl", "mimeType": "text/plain", "buffer": b'"a"\n{"body": 1}\n'}
    )

    expect(page.locator("#problem")).to_contain_text("line 2 has no text")
    page.set_input_files(
        "#file", {"name": "a.csv", "mimeType": "text/plain", "buffer": b"id,text\na,Storms, gales\n"}
    )
    expect(page.locator("#problem")).to_contain_text("row 2 has 3 columns, the first 2")
    page.set_input_files(
        "#file", {"name": "a.txt", "mimeType": "text/plain", "buffer": "caf\u00e9".encode("latin-1")}
    )
    expect(page.locator("#problem")).to_contain_text("a.txt: it is not UTF-8; save it as text in UTF-8")


def test_documents_without_a_good_score_are_warned_of(opened: Open) -> None:
    """Without words, and with words that the model does not know: shortly in the table, else in a sentence."""
    page = opened().score("1234", "zzyzx qwrtz xqzw", "Storms close the harbour")

    warnings = page.locator("#table tbody td.warnings")

    assert warnings.nth(0).inner_text() == "no words"
    assert warnings.nth(1).inner_text().startswith("100 % unknown")
    assert all(len(text) < 50 for text in warnings.all_inner_texts())
    whole = "100 % unknown: the model was not trained on most of its words"
    expect(warnings.nth(1).get_by_text("100 % unknown")).to_have_attribute("title", whole)
    page.locator("#table tbody tr").nth(1).get_by_role("button").click()
    expect(page.locator("#detail-body .warn")).to_contain_text(whole)


def test_downloads_hold_the_scores(opened: Open, tmp_path: Path) -> None:
    """As CSV and as JSON, the texts unchanged, but for one that a spreadsheet would run as a formula."""
    texts = ['Storms, "gales" and rain', "=Harbour", "Rates rise again"]
    page = opened().score(*texts)
    files: dict[str, str] = {}

    for kind in ("csv", "json"):
        with page.expect_download() as waiting:
            page.click(f"#download-{kind}")
        path = tmp_path / kind
        waiting.value.save_as(path)
        files[kind] = path.read_text(encoding="utf-8")

    rows = list(csv.DictReader(files["csv"].splitlines()))
    decoded: Any = json.loads(files["json"])
    assert [row["text"] for row in rows] == [texts[0], "'=Harbour", texts[2]]
    assert float(rows[0]["distance"]) == decoded["documents"][0]["distance"]
    assert [document["text"] for document in decoded["documents"]] == texts
    assert [int(row["cluster"]) for row in rows] == [document["cluster"] for document in decoded["documents"]]


@pytest.mark.parametrize(
    ("button", "command"), [("#copy-curl", ["bash"]), ("#copy-python", [sys.executable])]
)
def test_what_is_copied_runs(
    opened: Open, server: Server, tmp_path: Path, button: str, command: list[str]
) -> None:
    """And gets the same answer; the token is not in it, and quotes and dollars in a text change nothing."""
    page = opened(permissions=["clipboard-read", "clipboard-write"]).score(
        'It\'s a $(storm) \\ "gale"', "Harbour"
    )

    page.click(button)

    expect(page.locator("#message")).to_contain_text("clipboard")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert server.token not in copied
    script = tmp_path / "script"
    script.write_text(copied, encoding="utf-8")
    done = subprocess.run(
        [*command, script],
        env={**os.environ, "SCOREPOOL_TOKEN": server.token},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "neighbours" in done.stdout or "'id': '1'" in done.stdout


def test_the_token_is_in_memory_only(opened: Open, server: Server) -> None:
    """It is taken out of the address at once, and neither storage nor cookies have it."""
    page = opened().open()
    load_sample(page)

    stored = page.evaluate("[location.href, document.cookie, localStorage.length, sessionStorage.length]")

    assert stored == [f"{server.url}/", "", 0, 0]


HOSTILE = (
    "<img src=x onerror=alert(1)> storm",
    "<script>alert(1)</script> harbour",
    "</textarea><svg onload=alert(1)> gale",
    "javascript:alert(1) {{7*7}} ${alert(1)} rates",
)


def test_hostile_texts_are_only_text(opened: Open) -> None:
    """In the table, in the detail, in the lists: they are shown as they are and run nothing."""
    page = opened().open()
    lines = "".join(
        json.dumps({"id": text + copy, "text": text}) + "\n" for text in HOSTILE for copy in ("", "'")
    )
    page.set_input_files("#file", {"name": "a.jsonl", "mimeType": "text/plain", "buffer": lines.encode()})

    page.click("#score")

    expect(page.locator("#table tbody tr")).to_have_count(2 * len(HOSTILE))
    for position, text in enumerate(HOSTILE):
        page.locator("#table tbody button").nth(2 * position).click()
        expect(page.locator(".texts .text-body").first).to_have_text(text)
        expect(page.locator("#duplicates button", has_text=text).first).to_be_visible()
    assert page.locator("main img, main script, main svg:not(.glyph)").count() == 0
