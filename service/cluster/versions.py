"""What client and workers must have in common, so that a result has the same bits wherever it is computed."""

import platform
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

from service.cluster.errors import VersionError

# Vectors depend on NumPy's and SciPy's arithmetic, pickled arguments on Python's and our own classes.
_PACKAGES = ("scorepool", "numpy", "scipy", "marisa-trie", "msgspec", "distributed")

Versions = Mapping[str, str]


@cache
def versions() -> Versions:
    """Return the versions of this process, by name; Python's without its last part."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"Python": python} | {name: version(name) for name in _PACKAGES}


def difference(wanted: Versions, found: Versions) -> str:
    """Return the first that differs as `numpy is 2.4.6 there and 2.5.0 here`, empty when all are equal."""
    for name, here in wanted.items():
        there = found.get(name, "missing")
        if there != here:
            return f"{name} is {there} there and {here} here"
    return ""


def run_checked(wanted: Versions, function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a function in a worker if it has the client's versions: a worker may join at any time.

    Raises: VersionError, and what the function raises.
    """
    if differs := difference(wanted, versions()):
        raise VersionError(f"a worker of the cluster does not fit: {differs}; use the same versions")
    return function(*arguments)
