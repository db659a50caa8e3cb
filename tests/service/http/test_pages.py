"""The HTML pages load nothing from other hosts and keep a strict content security policy."""

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest

from service.http.pages import PAGES, assets, sample_documents
from tests.support.application import Service

STATIC = Path("service/static")

# What is not of others.
SCRIPTS = sorted(path.stem for path in (STATIC / "page").glob("*.js"))

OURS = ["page.html", "docs.html", "docs.js", *(f"page/{name}.js" for name in SCRIPTS)]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_a_strict_policy(tmp_path: Path, path: str) -> None:
    """The policy allows no inline script or style and nothing from other hosts."""
    reply = Service(tmp_path).request("GET", path)

    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", PAGES)
def test_every_file_that_a_page_loads_is_served(tmp_path: Path, path: str) -> None:
    """Every `src` and `href` of a page is a path of this service, and its type is not guessed."""
    service = Service(tmp_path)
    page = service.request("GET", path).body.decode()

    addresses = re.findall(r'(?:src|href)="([^"#]+)"', page)

    assert addresses
    for address in addresses:
        reply = service.request("GET", urljoin(path, address))
        assert reply.status == 200
        assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", OURS)
def test_addresses_are_relative(name: str) -> None:
    """So a proxy may serve the pages below a prefix."""
    text = (STATIC / name).read_text()

    assert not re.search(r'(?:src|href)="/|(?:fetch|get|post|getText)\("/|url: "/', text)


@pytest.mark.parametrize("name", PAGES.values())
def test_a_page_has_no_inline_code(name: str) -> None:
    """The policy would block it."""
    page = (STATIC / name).read_text()

    assert not re.search(r"<script>|<style>|\son\w+=|style=", page)


@pytest.mark.parametrize("name", [name for name in OURS if name.endswith(".js")])
def test_the_scripts_name_no_other_host(name: str) -> None:
    """They do not insert text as markup and do not evaluate code."""
    script = (STATIC / name).read_text()

    # The name of the space of SVG elements is no address.
    script = script.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(
        r"https?://|innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(", script
    )


def test_every_script_that_another_imports_is_served() -> None:
    """And none is served that nothing loads."""
    page = (STATIC / "page.html").read_text()
    texts = [page, *((STATIC / "page" / f"{name}.js").read_text() for name in SCRIPTS)]

    loaded = {
        name
        for text in texts
        for name in re.findall(r'(?:from|URL\(|src=)\s*"(?:\./|static/page/)(\w+)\.js"', text)
    }

    assert loaded == set(SCRIPTS)


def test_the_sample_is_the_stories_that_ship_with_gensim(tmp_path: Path) -> None:
    """Fifty of them, with where they come from; gensim itself is not loaded."""
    sample = Service(tmp_path).request("GET", "/static/sample.json").json

    assert sample == {"source": "Lee, Pincombe and Welsh (2005)", "documents": sample_documents()}
    assert len(sample["documents"]) == 50


@pytest.mark.parametrize("name", assets())
def test_an_asset_is_served_unchanged(tmp_path: Path, name: str) -> None:
    """Its bytes are those of the file."""
    reply = Service(tmp_path).request("GET", f"/static/{name}")

    assert reply.body == (STATIC / name).read_bytes()


def test_other_files_are_not_served(tmp_path: Path) -> None:
    """Only the listed files have a path."""
    service = Service(tmp_path)

    for path in ("/static/../settings.py", "/static/swagger-ui/VERSION", "/static/", "/static"):
        assert service.request("GET", path).status == 404
