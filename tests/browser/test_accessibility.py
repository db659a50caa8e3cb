"""axe-core finds nothing wrong with either side of the page, in both themes and on a phone."""

from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import Open

AXE = Path(__file__).with_name("axe-core") / "axe.min.js"

LOOKS: dict[str, tuple[Literal["light", "dark"], ViewportSize]] = {
    "light": ("light", {"width": 1280, "height": 900}),
    "dark": ("dark", {"width": 1280, "height": 900}),
    "phone": ("light", {"width": 390, "height": 844}),
}


def violations(page: Page) -> list[str]:
    """Return what axe-core objects to, with the elements."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({resultTypes: ['violations']}).then(result => result.violations)")
    return [f"{each['id']}: {[node['target'] for node in each['nodes']]}" for each in found]


def violations_in_any_look(page: Page) -> dict[str, list[str]]:
    """Return what axe-core objects to in light, in dark and on a phone."""
    found = {}
    for name, (scheme, size) in LOOKS.items():
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        found[name] = violations(page)
    return {name: objections for name, objections in found.items() if objections}


def test_the_empty_playground_has_no_violation(opened: Open) -> None:
    """As it is opened."""
    assert violations_in_any_look(opened().open()) == {}


def test_the_playground_with_a_result_has_no_violation(opened: Open) -> None:
    """With every view filled: a document that is read, a cluster that is selected, a pair of duplicates, a warning."""
    page = opened().score("Storms close the harbour", "Harbour shut", "Storms close the harbour", "1234")
    page.locator("#table tbody button").first.click()
    expect(page.locator(".words").first).to_be_visible()
    page.locator("#clusters button").first.click()

    assert violations_in_any_look(page) == {}


def test_the_status_page_has_no_violation(opened: Open) -> None:
    """While it is live."""
    page = opened().open("status")
    expect(page.locator("#charts canvas")).to_have_count(6)

    assert violations_in_any_look(page) == {}


def test_a_phone_shows_the_page_without_scrolling_sideways(opened: Open) -> None:
    """Wide tables scroll by themselves."""
    page = opened(viewport=LOOKS["phone"][1], has_touch=True).score()
    page.locator("#table tbody button").first.click()
    expect(page.locator(".words").first).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
