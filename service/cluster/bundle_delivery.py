"""Brings a bundle to workers that do not have it: in pieces that are sent once and shared by all."""

import asyncio
import os
from collections import defaultdict
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

from scoring.bundle.files import BundleFiles
from scoring.bundle.manifest import MANIFEST_FILE
from service.cluster.bundle_store import BundleSource, has_bundle, publish, receive
from service.cluster.connection import Cluster
from service.cluster.errors import WorkerGoneError
from service.cluster.held import Held

# Of one piece: large enough for a network's full rate, small beside a worker's memory.
_PIECE_BYTES = 32 << 20


class BundleDelivery:
    """One bundle, whose open files the client holds."""

    def __init__(self, cluster: Cluster, files: BundleFiles) -> None:
        self._cluster, self._files = cluster, files
        self.source = BundleSource(str(files.path.absolute()), files.digest)
        # Workers of one machine share a folder: the second finds what the first was sent.
        self._hosts: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._pieces = [
            (name, offset, Held(partial(self._read, name, offset)))
            for name, size in self._sizes()
            for offset in range(0, max(size, 1), _PIECE_BYTES)
        ]

    async def deliver(self, worker: str) -> None:
        """Send the bundle to the worker at an address, unless it has it or has died. Raises: ClusterError."""
        with suppress(WorkerGoneError):
            await self._deliver(worker)

    async def _deliver(self, worker: str) -> None:
        async with self._hosts[urlsplit(worker).hostname or ""]:
            if await self._cluster.call(has_bundle, self.source, worker=worker):
                return
            for name, offset, piece in self._pieces:
                await self._cluster.call(receive, self.source.digest, name, offset, piece, worker=worker)
            await self._cluster.call(publish, self.source.digest, worker=worker)

    def _sizes(self) -> list[tuple[str, int]]:
        listed = [(name, record.size) for name, record in self._files.manifest.files.items()]
        return [(MANIFEST_FILE, len(self._files.raw)), *listed]

    def _read(self, name: str, offset: int) -> bytes:
        if name == MANIFEST_FILE:
            return self._files.raw[offset : offset + _PIECE_BYTES]
        return os.pread(self._files.descriptors[name], _PIECE_BYTES, offset)
