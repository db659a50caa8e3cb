"""Fixtures of the tests in a browser: one browser and one server for all of them, a fresh profile for each."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import INSTALL, REQUIRED, TIMEOUT_MS, Visit, chromium, running_browser
from tests.support.server import Server, running_server

# Opens a page of a server; the options are those of a profile, such as `color_scheme`.
Open = Callable[..., Visit]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say in one line what to install, where there is no browser."""
    if chromium() is None:
        terminalreporter.write_line(f"skipped: {INSTALL}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Skip or fail a test of this folder where there is no browser, before its fixtures are made."""
    if chromium() is not None:
        return
    if REQUIRED in os.environ:
        pytest.fail(INSTALL, pytrace=False)
    pytest.skip(INSTALL)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Run Chromium. Not for the whole session: other tests could not use `asyncio.run` beside it."""
    path = chromium()
    assert path is not None
    expect.set_options(timeout=TIMEOUT_MS)
    with running_browser(path) as browser:
        yield browser


@pytest.fixture(scope="package")
def server(demo_bundle: Path) -> Iterator[Server]:
    """Run a server with two workers that also execute commands."""
    with running_server(demo_bundle, workers=2) as server:
        server.await_ready(2)
        yield server


@pytest.fixture
def opened(browser: Browser, server: Server) -> Iterator[Open]:
    """Return what opens pages; at the end none of them may have complained or asked for anything elsewhere."""
    visits: list[Visit] = []

    def visit(at: Server = server, **options: Any) -> Visit:
        visits.append(Visit(browser, at, options))
        return visits[-1]

    yield visit
    for each in visits:
        each.close()
        outside = [address for address in each.addresses if not local(address, each.server.url)]
        assert (each.complaints, each.dialogs, outside) == ([], [], [])


def local(address: str, origin: str) -> bool:
    """Return whether an address is of this origin, or of nothing outside of the page."""
    return address.startswith((f"{origin}/", "data:", f"blob:{origin}/"))
