"""Compression by zstd, which Python has from 3.14 on, and `backports.zstd` in the same words before."""

import sys

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, compress
else:
    from backports.zstd import CompressionParameter, compress

__all__ = ["CompressionParameter", "compress"]
