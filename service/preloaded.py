"""Imported first by the fork server, and by nobody else: its import has that process die with the server.

This is the one module that works when it is imported: a fork server runs nothing of ours but imports.
"""

from service import guards

guards.die_with_server()
