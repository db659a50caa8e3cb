"""Keeps a worker's memory between calls instead of giving it back and having it made again.

glibc maps every array above a threshold anew and unmaps it when it is freed; the kernel clears each page of it
once more. For arrays of a few megabytes, of which every call makes a dozen, that is a tenth of the time.
"""

import ctypes

# malloc.h
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

# The largest that glibc takes. Larger arrays are mapped, and gone when they are freed.
MAPPED_FROM_BYTES = 32 * 1024 * 1024

# So much may lie free at the heap's end.
KEPT_BYTES = 64 * 1024 * 1024


def keep() -> None:
    """Have this process keep its memory; does nothing where the C library is not glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, MAPPED_FROM_BYTES)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
