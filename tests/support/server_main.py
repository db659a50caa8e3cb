"""Runs the real server; with `--scripted` its workers also execute the commands of `tests.fakes`.

The settings come from the environment. It prints its address when it accepts connections.
"""

import os
import sys
from functools import partial

from service.configuration import load
from service.server import run

if __name__ == "__main__":
    settings = load({}, os.environ)
    handlers = None
    if "--scripted" in sys.argv:  # which load what scores, and the server must not
        from tests.support.mixed_handler import MixedHandler

        assert settings.bundle is not None
        handlers = partial(MixedHandler, settings.bundle, settings.limits)
    sys.exit(run(settings, handlers, announce=partial(print, flush=True)))
