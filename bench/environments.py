"""The peers' environments: one each, from hash-locked files, apart from the product's own.

python -m bench.environments           create what is missing or out of date
python -m bench.environments lock      resolve the locked files anew; what scores stays the product's
"""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

from bench.places import ENVIRONMENTS, HERE, ROOT

LOCKED = HERE / "peers"
NAMES = ("web", "litserve", "mlserver", "bentoml", "ray")
TOOLS = "tools"


def folder(environment: str) -> Path:
    """Return where the programs of an environment are."""
    return ROOT / ".venv" / "bin" if environment == "product" else ENVIRONMENTS / environment / "bin"


def install() -> dict[str, str]:
    """Create every environment that is missing; return why not for each that could not be created.

    The tools come first with pip; they bring uv, which makes the others in seconds.
    """
    failures = {}
    for name in (TOOLS, *NAMES):
        try:
            _install(name)
        except subprocess.CalledProcessError as error:
            failures[name] = (error.stderr or str(error)).strip().splitlines()[-1]
    return failures


def _install(name: str) -> None:
    requirements = LOCKED / f"{name}.txt"
    target = ENVIRONMENTS / name
    done = target / ".installed"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if done.exists() and done.read_text() == digest:
        return
    print(f"installing {name} …", file=sys.stderr, flush=True)
    python = str(target / "bin" / "python")
    if name == TOOLS:
        _run(sys.executable, "-m", "venv", "--clear", str(target))
        _run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(requirements))
    else:
        uv = str(ENVIRONMENTS / TOOLS / "bin" / "uv")
        _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(target))
        _run(uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, str(requirements))
    done.write_text(digest)


def versions(environment: str, packages: tuple[str, ...]) -> dict[str, str]:
    """Return the installed versions of `packages` in an environment."""
    code = "import sys; from importlib.metadata import version\nfor p in sys.argv[1:]: print(version(p))"
    found = _run(str(folder(environment) / "python"), "-c", code, *packages)
    return dict(zip(packages, found.split(), strict=True))


def lock() -> None:
    """Resolve every locked file anew, with the product's versions of what the scoring imports."""
    wanted = {line for line in (LOCKED / "scoring.in").read_text().splitlines() if not line.startswith("#")}
    product = (ROOT / "requirements.txt").read_text().splitlines()
    pins = [line.rstrip(" \\") for line in product if re.split("==", line)[0] in wanted]
    constraints = ENVIRONMENTS / "constraints.txt"
    constraints.write_text("\n".join(pins) + "\n")
    options = [
        "--universal",
        "--generate-hashes",
        "--python-version",
        "3.11",
        "--no-header",
        "--no-emit-index-url",
    ]
    for name in (TOOLS, *NAMES):
        source, target = LOCKED / f"{name}.in", LOCKED / f"{name}.txt"
        uv = str(ENVIRONMENTS / TOOLS / "bin" / "uv")
        _run(
            uv,
            "pip",
            "compile",
            "--quiet",
            *options,
            "--no-annotate",
            "-c",
            str(constraints),
            str(source),
            "-o",
            str(target),
        )


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main() -> int:
    """Create the environments or lock them anew."""
    if sys.argv[1:] == ["lock"]:
        lock()
        return 0
    failures = install()
    for name, why in failures.items():
        print(f"{name}: not installed: {why}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
