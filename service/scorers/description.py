"""A scorer's description, and the short-lived process that makes it: a user's code never runs in the server.

    server   describe_apart ── python -m service.scorers.description REFERENCE … ──→ child: import, look, sample `cost`
             ScorerDescription, or one sentence ←─────────── an unnamed file of its own ──┘

What the child prints is captured and never mixed with the description; standard input is closed. A file, since a pipe
would fill up with the schemas of large types, and a process that the child leaves behind could keep one open.
"""

import math
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import msgspec

from service.api.scorer import ScorerDescription
from service.scorers.codec import TypedCodec, schemas
from service.scorers.declaration import CODEC_HOOK, Declaration, check_model, declare
from service.scorers.reference import ScorerError, located
from service.settings import SECRETS

# `cost` is asked for bodies of 1 byte to 1 GiB, the largest that the settings allow.
COST_SIZES = tuple(2**k for k in range(31))

# Seconds: less, and a year or more, is no expectation.
_MOST_COST_S = 366 * 24 * 3600.0

# Of what the child printed last, in a message.
_MAX_OUTPUT = 300

_TIMED_OUT = "it did not end within {timeout:g} s, as long as load_timeout_s allows"


class Answer(msgspec.Struct):
    """What the child answers: a description, or why there is none."""

    description: ScorerDescription | None
    fault: str = ""


def describe(declared: Declaration) -> ScorerDescription:
    """Return a scorer's description; samples its `cost`. Raises: ScorerError."""
    scorer, own_codec = declared.scorer, hasattr(declared.scorer, CODEC_HOOK)
    if not own_codec:
        TypedCodec(declared)  # refuses a type that cannot be decoded
    request, parts = schemas(Any if own_codec else declared.request, answer=False)
    response, more = schemas(Any if own_codec else declared.response, answer=True)
    costs, cost_fault = _costs(scorer)
    stages: Sequence[str] = getattr(scorer, "stages", ()) if own_codec else ()
    return ScorerDescription(
        reference=declared.reference,
        name=declared.name,
        version=declared.version,
        file=declared.place,
        operations=getattr(scorer, "operations", ("score",)) if own_codec else ("score",),
        stages=("decode", *(stages or ("score",)), "encode"),
        preload=declared.preload,
        reads="bytes" if declared.request is bytes else "json",
        accepts=declared.accepts,
        answers="bytes" if declared.response is bytes else "json",
        media_type=declared.media_type,
        request=request,
        response=response,
        schemas=parts | more,
        costs=costs,
        cost_fault=cost_fault,
    )


def _costs(scorer: Any) -> tuple[tuple[float, ...], str]:
    """Return the scorer's own expectation for `COST_SIZES`, and why there is none."""
    cost = getattr(scorer, "cost", None)
    if cost is None:
        return (), ""
    found = []
    for size in COST_SIZES:
        try:
            seconds = float(cost(size))
        except Exception as error:
            return (), located(error)
        if not 0 < seconds < _MOST_COST_S or not math.isfinite(seconds):
            return (), f"cost({size}) is {seconds}: expected seconds above 0"
        found.append(seconds)
    return tuple(found), ""


def describe_apart(reference: str, folder: Path, model: Path | None, timeout_s: float) -> ScorerDescription:
    """Describe a scorer in a process of its own, and check that its modules to preload can be imported.

    Blocks for as long as the scorer's imports take, at most `timeout_s`. Raises: ScorerError.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as answer:
        arguments = [reference, str(folder), str(answer.fileno()), *([] if model is None else [str(model)])]
        # -P: this package is not searched for in the current folder, which may have another one of its name.
        child = subprocess.Popen(  # noqa: S603 - this very interpreter
            [sys.executable, "-P", "-m", "service.scorers.description", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[answer.fileno()],
            start_new_session=True,
            env=_environment(),
        )
        fault = ""
        try:
            status = child.wait(timeout_s)
            fault = "" if status == 0 else f"the process that imported it ended with {_ending(status)}"
        except subprocess.TimeoutExpired:
            fault = _TIMED_OUT.format(timeout=timeout_s)
        finally:
            _end(child)
        if fault:
            raise ScorerError(f"{reference}: {fault}{_last_line(output)}")
        return _read(answer, reference)


def _read(answer: IO[bytes], reference: str) -> ScorerDescription:
    answer.seek(0)
    try:
        read = msgspec.json.decode(answer.read(), type=Answer)
    except ValueError:
        raise ScorerError(f"{reference}: the process that imported it ended without a description") from None
    if read.description is None:
        raise ScorerError(read.fault)
    return read.description


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Kill the child and what it may have started, which are a process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _ending(status: int) -> str:
    return signal.Signals(-status).name if -status in set(signal.Signals) else f"exit status {status}"


def _last_line(output: IO[bytes]) -> str:
    """Return the last line that the child printed, as the end of a sentence."""
    output.seek(max(0, output.seek(0, os.SEEK_END) - 4096))
    lines = output.read().decode(errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return f"; it said: {said[-1][:_MAX_OUTPUT]}" if said else ""


def _environment() -> dict[str, str]:
    """Return the child's environment: it finds this package, which may lie beside the server's main module."""
    inherited = {name: value for name, value in os.environ.items() if name not in SECRETS}
    places = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    return {**inherited, "PYTHONPATH": os.pathsep.join(places), "PYTHONUNBUFFERED": "1"}


def _describe_with_model(reference: str, folder: str, model: Path | None) -> Answer:
    try:
        declared = declare(reference, folder)
        check_model(declared, model)
        description = describe(declared)
        for module in declared.preload:
            _check_preload(declared, module)
    except ScorerError as error:
        return Answer(None, str(error))
    if any(is_module_of(Path(folder), module) for module in declared.preload):
        description = msgspec.structs.replace(description, shared_code=_code_digest(folder))
    return Answer(description)


def is_module_of(folder: Path, module: str) -> bool:
    """Return whether a module lies in this folder, rather than among those installed."""
    top = module.partition(".")[0]
    return (folder / top).is_dir() or (folder / f"{top}.py").is_file()


def _code_digest(folder: str) -> str:
    """Return the digest of the files of this process's modules that lie in a folder."""
    files = {str(getattr(module, "__file__", None)) for module in list(sys.modules.values())}
    own = [file for file in files if file.startswith(f"{folder}/") and "site-packages" not in file]
    digest = sha256()
    for file in sorted(own):
        digest.update(sha256(Path(file).read_bytes()).digest())
    return digest.hexdigest()


def _check_preload(declared: Declaration, module: str) -> None:
    """Import a module as the fork server will. Raises: ScorerError."""
    try:
        import_module(module)
    except BaseException as error:
        raise ScorerError(
            f"{declared.place}: preload: {module} cannot be imported: {located(error)}"
        ) from error


def main() -> None:
    """Describe the scorer of the arguments: REFERENCE FOLDER DESCRIPTOR [MODEL]."""
    reference, folder, descriptor, *model = sys.argv[1:]
    answer = _describe_with_model(reference, folder, Path(model[0]) if model else None)
    with os.fdopen(int(descriptor), "wb") as file:
        file.write(msgspec.json.encode(answer))
        file.flush()
        # Threads and handlers of what was imported must not keep this process.
        os._exit(0)


if __name__ == "__main__":
    main()
