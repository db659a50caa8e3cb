"""A headless Chromium, and what a page does in it: the addresses it asks for, its errors, and its dialogs."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from playwright.sync_api import Browser, Dialog, Page, expect, sync_playwright

from tests.support.server import Server

NAMES = ("chromium", "chromium-browser", "google-chrome")

# Where it is set, a missing browser fails the tests instead of skipping them.
REQUIRED = "SCOREPOOL_REQUIRE_BROWSER"

INSTALL = "the tests of the page need Chromium: apt-get install chromium"

TIMEOUT_MS = 30_000


def chromium() -> str | None:
    """Return the path of the system's Chromium, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def running_browser(path: str) -> Iterator[Browser]:
    """Run a browser; while it runs, this thread has an event loop of its own and `asyncio.run` cannot be used."""
    with sync_playwright() as playwright:
        # Its sandbox needs privileges that a container, and root, do not have.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A page of a server in a fresh profile.

    addresses: what it asked for. complaints: errors of scripts and refusals by its policy. dialogs: their texts.
    """

    def __init__(
        self, browser: Browser, server: Server, options: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self.server = server
        self.addresses: list[str] = []
        self.complaints: list[str] = []
        self.dialogs: list[str] = []
        self._context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.page = self._context.new_page()
        self.page.set_default_timeout(TIMEOUT_MS)
        self.page.on("request", lambda request: self.addresses.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("dialog", self._dismiss)

    def _note(self, kind: str, text: str) -> None:
        # A status that is no success is logged too, and is what some tests are about.
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.complaints.append(text)

    def _dismiss(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def open(self, side: str = "", token: str | None = None) -> Page:
        """Open the playground or another side of the page, with a valid token or the given one."""
        given = self.server.token if token is None else token
        fragment = "&".join([*([side] if side else []), *([f"token={given}"] if given else [])])
        self.page.goto(f"{self.server.url}/#{fragment}")
        return self.page

    def score(self, *documents: str) -> Page:
        """Open the playground and score these documents, or the sample where there are none."""
        page = self.open()
        if documents:
            page.fill("#texts", "\n".join(documents))
        else:
            load_sample(page)
        page.click("#score")
        page.wait_for_selector("#results:not([hidden])")
        return page

    def close(self) -> None:
        """Close the page and forget its profile."""
        self._context.close()


def load_sample(page: Page) -> None:
    """Press the button for the sample, and wait until it is there."""
    page.click("#load-sample")
    expect(page.locator("#count")).to_contain_text("50 documents", timeout=TIMEOUT_MS)
