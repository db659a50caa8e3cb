"""The pipe that a worker's output goes to, on its way to the worker."""

from multiprocessing import reduction

from service.ipc.shared_memory import Descriptor


class OutputHandle:
    """A descriptor that a worker writes to; it can be pickled only while a process is being spawned."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __reduce__(self) -> tuple[object, ...]:
        """Become the number of the worker's own descriptor."""
        return _attach, (reduction.DupFd(self.fd),)


def _attach(duplicate: Descriptor) -> int:
    return duplicate.detach()
