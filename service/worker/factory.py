"""Makes handlers in worker processes; importing this loads nothing that scores."""

from pathlib import Path

from service.api.request import Limits
from service.worker.main import Handler


def open_handler(bundle: Path, limits: Limits) -> Handler:
    """Open `bundle` for scoring, in a worker. Raises: BundleError when it cannot be used."""
    from service.worker.handler import Handler as BundleHandler  # noqa: PLC0415 - the server must not load it

    return BundleHandler(bundle, limits)
