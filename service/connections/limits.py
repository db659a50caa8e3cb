"""Every limit on a connection and on the head of a request, in one place: bytes, seconds and counts.

The four timeouts of `ConnectionLimits` come from the settings or from the constants here; what a request to
`/score` may take beyond its head is in `service.limits`.
"""

import resource
from dataclasses import dataclass

from service.settings import SettingsError

# The contract's limits on a head; the request line counts.
MAX_HEAD_BYTES = 16 * 1024
MAX_FIELDS = 64

# Of a head that is kept, to know the next one on its connection again. Larger ones are rare, and 10,000 connections
# that have one each would hold 160 MB.
MAX_KNOWN_HEAD_BYTES = 2 * 1024

# Framing of chunks may take as many bytes as what they carry, and this for the first few: a body in one-byte
# chunks would cost the event loop a thousand times what its bytes are worth.
FREE_OVERHEAD_BYTES = 16 * 1024

# A line between chunks: a size with its extension, or a trailer field.
MAX_CHUNK_LINE_BYTES = 1024

# Chunked bodies are followed in steps, and other connections have their turns between them: a step of the
# smallest chunks allowed takes a millisecond.
CHUNKED_STEP_BYTES = 4 * 1024

# So much of a body may wait for an application that does not read; then reading from the network pauses.
BODY_BUFFER_BYTES = 64 * 1024

# How long an idle connection is kept: longer than the 60 s of common load balancers, so that it is they who
# close, and never a request that meets a connection being closed.
KEEP_ALIVE_S = 75

# Time in which the client must take so much of an answer, or all that is left: it must read 13 KB/s.
WRITE_TIMEOUT_S = 20.0
WRITE_PROGRESS_BYTES = 256 * 1024

# When a body's time is up the application answers; this much later the connection ends where it could not.
BODY_GRACE_S = 1.0

# A socket that is closed while bytes of the client are unread sends a reset, which overtakes the answer. So
# after the last answer we only stop sending, and read what comes for this long (RFC 9112, 9.6).
LINGER_S = 2.0

# Each takes about 3 KiB, and up to 5 KiB more for its last head, where that is kept; far more than clients of a service
# with so few workers can use.
MAX_CONNECTIONS = 10_000


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The times of one connection, in seconds.

    head_s: from the first byte of a head to its last. body_s: for a whole body. keep_alive_s: between two
    requests. write_s: for the client to take `WRITE_PROGRESS_BYTES` of an answer.
    """

    head_s: float
    body_s: float
    keep_alive_s: float = KEEP_ALIVE_S
    write_s: float = WRITE_TIMEOUT_S


# Files of the server process: 24 when it has started, and 14 for each worker (counted in /proc/PID/fd); with a few
# more for what is opened for a moment.
SERVER_FILES = 32
WORKER_FILES = 14


def connections_allowed(workers: int) -> int:
    """Return how many connections there may be, after raising the limit on open files as far as it goes.

    At most half of the files: those that come at once are all accepted before the first is evicted. And none of
    those that the workers need: connections that keep the last file would never be evicted, and no other be accepted.

    Raises: SettingsError when no file is left for a connection.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = MAX_CONNECTIONS * 2 if most == resource.RLIM_INFINITY else min(most, MAX_CONNECTIONS * 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    return share_of_files(files, workers)


def share_of_files(files: int, workers: int) -> int:
    """Return how many of the open files connections may have. Raises: SettingsError when that is none."""
    needed = SERVER_FILES + WORKER_FILES * workers
    if files <= needed:
        fault = f"workers: {workers} need more than {needed} open files, {files} are allowed (ulimit -n)"
        raise SettingsError([fault])
    return min(files // 2, files - needed)
