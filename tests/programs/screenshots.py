"""Pictures of the page for the README, and how fast it is with 1,000 documents: `python -m tests.programs.screenshots`.

It needs Chromium, and the demonstration bundle that `make run` builds. The documents are sentences of news stories; the
frames are those that the browser drew while documents were selected on the map.
"""

import os
import re
import signal
import statistics
import sys
from pathlib import Path
from typing import Any

import click
from gensim.test.utils import datapath
from playwright.sync_api import Browser, CDPSession, Page, expect

from scoring.texts.corpus import read_corpus
from service.cli.demo import BUNDLE
from tests.support.browser import INSTALL, Visit, chromium, running_browser
from tests.support.server import Server, running_server

PICTURES = Path("docs/pictures")

DOCUMENTS = 1_000

# Shorter pieces are no sentences.
_LEAST_CHARACTERS = 40

# For how long documents are selected.
_SELECTING_MS = 6_000

# The milliseconds from the click until the last view had drawn the result, which the page measures.
_DRAWN = """new Promise(resolve => new PerformanceObserver(list => list.getEntriesByName("score-drawn")
  .forEach(({duration}) => resolve(duration))).observe({type: "measure", buffered: true}))"""

# Drags over the map, there and back in two seconds, a move in every frame; returns the milliseconds between frames.
_SELECT = """(duration) => new Promise((resolve) => {
  const map = document.querySelector("#map");
  const box = map.getBoundingClientRect();
  const point = (type, share) => map.dispatchEvent(new PointerEvent(type, {
    clientX: box.left + 2 + share * (box.width - 4), clientY: box.top + 2 + share * (box.height - 4), button: 0}));
  map.setPointerCapture = () => {};  // there is no pointer
  const [frames, begun] = [[], performance.now()];
  let last = begun;
  point("pointerdown", 0);
  const next = (now) => {
    frames.push(now - last);
    last = now;
    point("pointermove", 1 - Math.abs(1 - ((now - begun) / 1000) % 2));
    if (now - begun < duration) requestAnimationFrame(next);
    else {
      point("pointerup", 0);
      resolve(frames.slice(1));
    }
  };
  requestAnimationFrame(next);
})"""


def sentences(number: int) -> list[str]:
    """Return so many sentences of the news stories that ship with gensim."""
    stories = read_corpus(Path(datapath("lee_background.cor")))
    found = [
        sentence
        for story in stories
        for sentence in re.split(r"(?<=[.!?])\s+", story)
        if len(sentence) >= _LEAST_CHARACTERS
    ]
    return found[:number]


def take_pictures(browser: Browser, server: Server) -> None:
    """Write the pictures of the playground and of the status page."""
    PICTURES.mkdir(exist_ok=True)
    profiles: dict[str, dict[str, Any]] = {
        "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 1480}},
        "dark": {"color_scheme": "dark"},
        "phone": {"viewport": {"width": 390, "height": 844}},
    }
    for name, options in profiles.items():
        visit = Visit(browser, server, options)
        page = visit.score()
        page.locator("#table tbody button").nth(0).click()
        expect(page.locator(".words").first).to_be_visible()
        page.evaluate("document.activeElement.blur()")
        page.evaluate("document.querySelector('#results').scrollIntoView()")
        page.screenshot(path=PICTURES / f"page-{name}.png")
        if name == "light":
            take_status_picture(page, server)
        visit.close()


def take_status_picture(page: Page, server: Server) -> None:
    """Write the picture of the status page while requests come and a worker is killed."""
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.click("#to-status")
    for request in range(200):
        if request == 100:
            os.kill(server.status()["slots"][0]["pid"], signal.SIGKILL)
        server.score()
        page.wait_for_timeout(50)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.screenshot(path=PICTURES / "page-status.png")


def measure(browser: Browser, server: Server) -> dict[str, float]:
    """Score 1,000 documents on the page and select on its map; return what it took."""
    visit = Visit(browser, server)
    page = visit.open()
    lines = "\n".join(sentences(DOCUMENTS)).encode()
    page.set_input_files("#file", {"name": "news.txt", "mimeType": "text/plain", "buffer": lines})
    page.click("#score")
    drawn = page.evaluate(_DRAWN)
    answered = page.evaluate("performance.getEntriesByName('score-answered')[0].duration")
    tracer = page.context.new_cdp_session(page)
    tracer.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = busy_s(tracer)
    page.locator("#map").scroll_into_view_if_needed()
    frames: list[float] = page.evaluate(_SELECT, _SELECTING_MS)
    busy = busy_s(tracer) - before
    visit.close()
    return {
        "click to the answer, s": answered / 1e3,
        "click to the last view drawn, s": drawn / 1e3,
        "frames a second while selecting": 1e3 / statistics.mean(frames),
        "median time between frames, ms": statistics.median(frames),
        "99 % of the frames within, ms": statistics.quantiles(frames, n=100)[98],
        "main thread's CPU time a frame, ms": busy / len(frames) * 1e3,
    }


def busy_s(tracer: CDPSession) -> float:
    """Return the seconds of processor time that the page's main thread has used: others on the machine add none."""
    metrics = tracer.send("Performance.getMetrics")["metrics"]
    return sum(float(each["value"]) for each in metrics if each["name"] == "TaskDuration")


@click.command()
@click.option("--only-figures", is_flag=True, help="Leave the pictures as they are.")
def main(*, only_figures: bool) -> None:
    """Write the pictures and print the figures."""
    path = chromium()
    if path is None:
        sys.exit(INSTALL)
    with running_server(BUNDLE, scripted=False) as server, running_browser(path) as browser:
        server.await_ready(2)
        if not only_figures:
            take_pictures(browser, server)
        for name, value in measure(browser, server).items():
            print(f"{name:34} {value:8.2f}")


if __name__ == "__main__":
    main()
