"""Imported first by the fork server, and by no other process: what it has to do before it forks.

It works when it is imported, as a scorer's modules to preload may: a fork server runs nothing of ours but imports.
"""

import os

import scoring  # noqa: F401 - before a folder is searched that may have another module of this name
from service.pool import fork_server
from service.settings import SECRETS
from service.worker import process_limits

process_limits.die_with_server()
for secret in SECRETS:
    os.environ.pop(secret, None)
fork_server.add_import_folder()
fork_server.skip_main()
