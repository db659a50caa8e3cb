"""The page and the documentation: files of the package, read once, with nothing from anywhere else."""

from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import orjson
from starlette.routing import Route

from service.http.responses import FixedResponse, Header

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}

# Scripts and styles come from the package's files alone, so that no text of a document can run.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

PAGES = {"/": "page.html", "/docs": "docs.html"}

# Folders of the package from which every script and style is served.
_FOLDERS = ("page", "swagger-ui", "uplot")

# The texts that people have rated, which the demonstration model has not seen.
_SAMPLE = "gensim/test/test_data/lee.cor"
_SOURCE = "Lee, Pincombe and Welsh (2005)"


def page_routes() -> list[Route]:
    """Return the routes of the pages and of what they load."""
    static = files("service") / "static"
    pages = [_route(path, static / name) for path, name in PAGES.items()]
    sample = FixedResponse(
        "application/json", orjson.dumps({"source": _SOURCE, "documents": sample_documents()})
    )
    return [
        *pages,
        *(_route(f"/static/{name}", static.joinpath(*name.split("/"))) for name in assets()),
        Route("/static/sample.json", sample, methods=["GET"]),
    ]


def assets() -> list[str]:
    """Return the files below `/static`, by their paths there."""
    static = files("service") / "static"
    below = [f"{folder}/{file.name}" for folder in _FOLDERS for file in (static / folder).iterdir()]
    return ["docs.js", "icon.svg", *sorted(name for name in below if name.endswith((".js", ".css")))]


def sample_documents() -> list[str]:
    """Return 50 news stories from where gensim is installed, which is not imported; none where it has no such file."""
    try:
        path = Path(str(distribution("gensim").locate_file(_SAMPLE)))
        lines = path.read_text(encoding="latin-1").splitlines()
    except (PackageNotFoundError, OSError):
        return []
    return [line for line in lines if line.strip()]


def _route(path: str, file: Traversable) -> Route:
    suffix = "." + file.name.rpartition(".")[2]
    headers: list[Header] = [(b"cache-control", b"no-cache")]
    if suffix == ".html":
        headers.append((b"content-security-policy", _POLICY.encode()))
    return Route(path, FixedResponse(_TYPES[suffix], file.read_bytes(), headers), methods=["GET"])
