"""The status page, while things happen."""

import os
import signal

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.support.server import Server, serving


def test_a_worker_that_is_killed_is_seen_to_end_and_return(opened: Open, server: Server) -> None:
    """Without a reload, although it is back before the page asks again."""
    page = opened().open("status")
    expect(page.locator("#slot-table tbody tr")).to_have_count(2)
    victim = server.status()["slots"][0]["pid"]

    os.kill(victim, signal.SIGKILL)

    expect(page.locator("#events li")).to_contain_text(f"Slot 0: worker {victim} ended")
    replacement = str(server.status()["slots"][0]["pid"])
    expect(page.locator("#slot-table tbody tr").first).to_contain_text(replacement)


def test_the_figures_are_live(opened: Open, server: Server) -> None:
    """What is scored elsewhere shows in the tiles and charts."""
    page = opened().open("status")
    expect(page.locator("#live")).to_have_text("Live")
    calls = page.locator("#slot-table tbody td:nth-child(4)")
    expect(calls).to_have_count(2)
    before = sum(map(int, calls.all_inner_texts()))

    server.score()

    page.wait_for_function(
        "before => [...document.querySelectorAll('#slot-table td:nth-child(4)')]"
        ".reduce((sum, cell) => sum + Number(cell.textContent), 0) > before",
        arg=before,
    )
    expect(page.locator("#charts canvas")).to_have_count(6)


def test_a_token_without_the_scope_is_told(opened: Open) -> None:
    """Once, in the problem's own words."""
    page = opened().open("status", token="")

    expect(page.locator("#status-problem .problem-title")).to_have_text("A bearer token is required")
    expect(page.locator("#live")).to_have_text("Not connected")


def test_a_scorer_of_the_users_own_has_no_playground(opened: Open) -> None:
    """The page says so and leads to what there is."""
    with serving("Lengths") as server:
        page = opened(server).open("playground")

        expect(page.locator("#other-scorer")).to_contain_text("Lengths")
        expect(page.locator("#compose")).to_be_hidden()
        page.locator("#other-scorer a", has_text="status page").click()
        expect(page.locator("#slot-table tbody tr")).to_have_count(1)
