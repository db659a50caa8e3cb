"""Runs the real server with handlers that can be told to misbehave; the settings come from the environment.

Prints its address once it answers there.
"""

import os
import sys
from functools import partial

from service.server import run
from service.settings import load
from tests.integration.mixed import MixedHandler

if __name__ == "__main__":
    settings = load({}, os.environ)
    handlers = partial(MixedHandler, settings.bundle, settings.limits)
    sys.exit(run(settings, handlers, announce=partial(print, flush=True)))
