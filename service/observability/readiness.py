"""Whether requests are welcome, asked by the probes; each change is one line in the log."""

import asyncio
import logging
from collections.abc import Callable

logger = logging.getLogger(__name__)

# How often a change is looked for. Probes come every few seconds, or not at all; ten calls a second cost nothing
# that can be measured.
CHECK_INTERVAL_S = 0.1


class Readiness:
    """Calls `reason`, which returns None or why requests are not welcome; belongs to the event loop's thread."""

    def __init__(self, reason: Callable[[], str | None]) -> None:
        self._reason = reason
        # A service begins so: this is no change.
        self._logged: str | None = "starting"
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self) -> str | None:
        """Return the reason that there is now, and log it when it is another one than before."""
        reason = self._reason()
        if reason != self._logged:
            self._logged = reason
            logger.info("readiness", extra={"ready": reason is None, "reason": reason})
        return reason

    def start(self) -> None:
        """Look for changes from now on, in the running event loop."""
        self()
        self._timer = asyncio.get_running_loop().call_later(CHECK_INTERVAL_S, self.start)

    def stop(self) -> None:
        """Look for a last change."""
        self()
        if self._timer is not None:
            self._timer.cancel()
