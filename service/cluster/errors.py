"""What goes wrong with a cluster, in one sentence that a command prints.

StartError
└── ClusterError            the cluster cannot do the work
    ├── ClusterLostError    it does not answer, or has no workers, for longer than is waited
    └── VersionError        a worker has other versions than the client

BundleMissing               a worker needs a bundle that it does not have: the client sends it
"""

from service.errors import ServiceError, StartError


class ClusterError(StartError):
    """The cluster cannot do the work."""


class ClusterLostError(ClusterError):
    """No scheduler answers, or it has no workers."""


class VersionError(ClusterError):
    """A worker has other versions than the client."""


class WorkerGoneError(ClusterError):
    """The worker that a call was meant for has died: nothing is to be done for it any more."""


class BundleMissing(ServiceError):  # noqa: N818 - it is answered by sending the bundle
    """The worker at the address in `args` has no bundle of the digest that it needs."""

    @property
    def worker(self) -> str:
        """The address of the worker."""
        return str(self.args[0])
