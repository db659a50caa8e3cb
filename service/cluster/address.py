"""Which cluster: the address of a scheduler, or a number of processes on this machine."""

import re
from typing import NamedTuple

from service.cluster.errors import ClusterError

_LOCAL = re.compile(r"local:([1-9][0-9]{0,2})")
_SCHEDULER = re.compile(r"(tcp|tls|ws|wss)://[^\s/]+:[0-9]{1,5}")


class ClusterAddress(NamedTuple):
    """scheduler: as Dask writes it, empty for a cluster that is started here. processes: of that one, otherwise 0."""

    scheduler: str
    processes: int

    @classmethod
    def parse(cls, text: str) -> "ClusterAddress":
        """Return the address in `tcp://HOST:PORT`, `tls://HOST:PORT` or `local:N`. Raises: ClusterError."""
        if local := _LOCAL.fullmatch(text):
            return cls("", int(local.group(1)))
        if _SCHEDULER.fullmatch(text):
            return cls(text, 0)
        raise ClusterError(
            f"cluster: {text!r} is no address; give tcp://HOST:PORT or tls://HOST:PORT of a Dask scheduler, or "
            "local:N for N processes on this machine"
        )

    def __str__(self) -> str:
        """Return the address as it was given."""
        return self.scheduler or f"local:{self.processes}"
