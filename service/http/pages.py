"""The playground and the documentation: files of the package, read once, with nothing from anywhere else."""

from importlib.resources import files
from importlib.resources.abc import Traversable

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

PAGES = {"/": "playground.html", "/docs": "docs.html"}

ASSETS = (
    "playground.js",
    "playground.css",
    "docs.js",
    "icon.svg",
    "swagger-ui/swagger-ui-bundle.js",
    "swagger-ui/swagger-ui.css",
)


def page_routes() -> list[Route]:
    """Return the routes of the pages and of what they load."""
    static = files("service") / "static"
    pages = [_route(path, static / name) for path, name in PAGES.items()]
    return pages + [_route(f"/static/{name}", static.joinpath(*name.split("/"))) for name in ASSETS]


def _route(path: str, file: Traversable) -> Route:
    suffix = "." + file.name.rpartition(".")[2]
    headers: list[Header] = [(b"cache-control", b"no-cache")]
    if suffix == ".html":
        headers.append((b"content-security-policy", _POLICY.encode()))
    return Route(path, FixedResponse(_TYPES[suffix], file.read_bytes(), headers), methods=["GET"])
