"""The control groups of this process (cgroups(7)), of either version: what limits a container or a systemd unit."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")

MEMBERSHIP = Path("/proc/self/cgroup")


def groups(controller: str, root: Path = ROOT, membership: Path = MEMBERSHIP) -> Iterator[Path]:
    """Yield the folder of this process's group for a controller, and of each group above it, as far as it can see.

    In a container the path of the membership may be the host's; then the container's own group is at the root.
    """
    for line in read(membership).splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(",") or not controllers:
            top = root / controllers
            group = top / path.lstrip("/")
            while group.is_relative_to(top):
                yield group
                group = group.parent


def read(path: Path) -> str:
    """Return a file's text, empty where there is none."""
    try:
        return path.read_text()
    except OSError:
        return ""
