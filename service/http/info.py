"""`GET /info`: which service with which model and which limits."""

from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version

from scoring.bundle.manifest import MANIFEST_FILE, decode_manifest
from scoring.errors import BundleError
from service.settings import Settings

NAME = "scorepool"

# The settings that a client can run into, by their names.
LIMITS = (
    "max_body_bytes",
    "max_documents",
    "max_document_bytes",
    "request_timeout_s",
    "body_timeout_s",
    "header_timeout_s",
    "queue_budget_s",
)


def describe(settings: Settings) -> Mapping[str, object]:
    """Return the answer of `/info`. Reads the manifest alone: no array is opened.

    Raises: BundleError when there is no manifest or it cannot be used.
    """
    path = settings.bundle / MANIFEST_FILE
    try:
        raw = path.read_bytes()
        manifest = decode_manifest(raw)
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise BundleError(f"{path}: {error}") from error
    model = {
        "name": manifest.name,
        "digest": "sha256:" + sha256(raw).hexdigest(),
        "dimensions": manifest.dimensions,
        "clusters": manifest.clusters,
        "pooling": manifest.pooling,
    }
    limits = {name: getattr(settings, name) for name in LIMITS}
    return {"name": NAME, "version": version(NAME), "model": model, "limits": limits}
