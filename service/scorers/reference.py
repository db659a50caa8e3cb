"""`package.module:Name` → the class or function of that name; what is wrong is said with file, line and cause."""

import re
import sys
import sysconfig
from importlib import import_module
from pathlib import Path
from traceback import FrameSummary, extract_tb
from typing import Any

from service.errors import StartError

# The built-in scorer.
DOCUMENTS = "service.scorers.documents.scorer:DocumentScorer"

# Characters of an exception's own message that are shown: one line of a terminal or a log.
MAX_CAUSE = 300

# The standard library and this package.
_LIBRARIES = (sysconfig.get_path("stdlib"), str(Path(__file__).parents[1]))

_REFERENCE = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")


class ScorerError(StartError):
    """A scorer that cannot be used: one sentence with file, line and cause, for the operator."""


def load_scorer(reference: str, folder: str = "") -> Any:
    """Import a scorer and return it. `folder` is searched for its module first; runs the module's code.

    Raises: ScorerError.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise ScorerError(f"{reference!r} is not package.module:Name")
    module_name, name = match.groups()
    if folder:
        # A file of bytecode is taken for current when its source was changed within the second and kept its size: a
        # reload would go on with the old code.
        sys.dont_write_bytecode = True
    if folder and folder not in sys.path:
        sys.path.insert(0, folder)
    if folder:
        _check_name(Path(folder), module_name.partition(".")[0])
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and f"{module_name}.".startswith(f"{error.name}."):
            raise ScorerError(
                f"there is no module {error.name}, neither in {folder or '.'} nor among those installed"
            ) from None
        raise ScorerError(located(error)) from error
    except BaseException as error:
        raise ScorerError(located(error)) from error
    if not hasattr(module, name):
        defined = ", ".join(key for key in vars(module) if not key.startswith("_"))[:MAX_CAUSE]
        raise ScorerError(f"{module.__file__}: there is no {name} in it; it defines {defined or 'nothing'}")
    return getattr(module, name)


def _check_name(folder: Path, name: str) -> None:
    """Check that a module of the folder is not hidden by one of this process. Raises: ScorerError."""
    imported = sys.modules.get(name)
    own = next(filter(Path.is_file, (folder / f"{name}.py", folder / name / "__init__.py")), None)
    if imported is None or own is None:
        return
    file = getattr(imported, "__file__", None)
    if file is None or not own.samefile(file):
        raise ScorerError(
            f"{own}: {name} is also a module that the service needs, {file or 'of Python itself'}; rename yours"
        )


def located(error: BaseException) -> str:
    """Say where an exception was raised, of which class, and its message: `scorer.py:12: KeyError: 'a'`."""
    cause = f"{type(error).__name__}: {first_line(error)}".removesuffix(": ")
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {cause}"
    frame = _place(error)
    return f"{frame.filename}:{frame.lineno}: {cause}" if frame else cause


def first_line(error: BaseException, limit: int = MAX_CAUSE) -> str:
    """Return the first line of an exception's message, at most `limit` characters; nothing where it cannot be had."""
    try:
        lines = str(error).splitlines()
    except Exception:
        return ""
    return lines[0][:limit] if lines else ""


def _place(error: BaseException) -> FrameSummary | None:
    """Return the innermost call outside of installed libraries and the import system, else the innermost."""
    frames = extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _is_library(frame.filename)]
    return next(reversed(own or frames), None)


def _is_library(file: str) -> bool:
    return file.startswith(("<", *_LIBRARIES)) or "site-packages" in file
