"""Parts of commands that need what is installed by choice: the client, Dask."""

from importlib import import_module
from types import ModuleType

from service.cli.input_errors import InputError


def import_with_client(module: str) -> ModuleType:
    """Import one of our modules that uses the client. Raises: InputError when that is not installed."""
    return _import(module, "scorepool_client", "the client", "scorepool-client")


def import_with_dask(module: str) -> ModuleType:
    """Import one of our modules that uses Dask. Raises: InputError when that is not installed."""
    return _import(module, "distributed", "Dask", "scorepool[cluster]")


def _import(module: str, needed: str, title: str, package: str) -> ModuleType:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != needed:
            raise
        raise InputError(f"this needs {title}; install it: pip install {package}") from error
