"""What must be there before the comparison: an environment for each peer, programs, the model, its bundle.

    python -m bench environments           create the environments that are missing or out of date
    python -m bench environments lock      resolve the locked files again, with the product's versions of
                                           what the scoring imports

Environments are made from hash-locked files and are apart from the product's own. All that is made can be deleted.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.harness.command_line import parser
from bench.harness.paths import ROOT, WORK

LOCKED = Path(__file__).parent / "requirements"
ENVIRONMENTS = ROOT / ".local" / "peers"
NAMES = ("web", "litserve", "mlserver", "bentoml", "ray")
TOOLS = "tools"
K6 = ENVIRONMENTS / TOOLS / "bin" / "k6"

# The model of the systems with their own scoring; the bundle is imported from it.
OWN_MODEL = WORK / "own-model"
BUNDLE = WORK / "bundle"
PAYLOADS = WORK / "payloads"
# The metadata of the product, for environments in which it is not installed: its scoring code asks for its version.
METADATA = WORK / "metadata"

# Programs that are not Python packages, and the Debian package of each.
PROGRAMS = {"wrk": "wrk", "redis-server": "redis-server"}


class PrepareError(Exception):
    """Something is missing without which nothing can be measured."""


def prepare(names: Sequence[str] = NAMES) -> dict[str, str]:
    """Install and build what is missing; return the reason for each environment of `names` that cannot be had.

    Raises: PrepareError.
    """
    shutil.rmtree(WORK / "run", ignore_errors=True)
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    failures = install(names)
    if "wrk" in missing or TOOLS in failures:
        tools = failures.get(TOOLS, "installed")
        raise PrepareError(f"apt-get install {' '.join(missing)}; tools: {tools}")
    if missing:
        failures["redis"] = "redis-server is not installed; apt-get install redis-server"
    try:
        _write_metadata()
        _prepare_model()
    except subprocess.CalledProcessError as error:
        raise PrepareError(f"{' '.join(error.cmd[:4])} …: {error.stderr.strip()[-300:]}") from error
    return failures


def _write_metadata() -> None:
    METADATA.mkdir(parents=True, exist_ok=True)
    setup = "import setuptools; setuptools.setup()"
    _run(sys.executable, "-c", setup, "--quiet", "egg_info", "--egg-base", str(METADATA))


def _prepare_model() -> None:
    centroids = OWN_MODEL / "centroids.npy"
    if not centroids.exists():
        say("training the model …")
        _run(sys.executable, "-m", "bench.comparison.apps.own_scoring", str(OWN_MODEL))
    if not BUNDLE.exists():
        say("importing it as a bundle …")
        model = (
            "--fasttext",
            str(OWN_MODEL / "fasttext.model"),
            "--trust-pickle",
            "--centroids",
            str(centroids),
        )
        _run(str(folder("product") / "scorepool"), "import", *model, "--output", str(BUNDLE))


def say(what: str) -> None:
    """Print a line of progress."""
    print(what, file=sys.stderr, flush=True)


def folder(environment: str) -> Path:
    """Return where the programs of an environment are."""
    return ROOT / ".venv" / "bin" if environment == "product" else ENVIRONMENTS / environment / "bin"


def install(names: Sequence[str] = NAMES) -> dict[str, str]:
    """Create the environments that are missing or out of date; return the reason for each that fails.

    The tools come first, with pip. They bring uv, which makes each of the others in seconds.
    """
    failures = {}
    for name in (TOOLS, *names):
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
    say(f"installing {name} …")
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
    """Resolve every locked file again, with the product's versions of what the scoring imports."""
    wanted = {line for line in (LOCKED / "scoring.in").read_text().splitlines() if not line.startswith("#")}
    product = (ROOT / "requirements.txt").read_text().splitlines()
    pins = [line.rstrip(" \\") for line in product if line.partition("==")[0] in wanted]
    constraints = ENVIRONMENTS / "constraints.txt"
    constraints.write_text("\n".join(pins) + "\n")
    uv = str(ENVIRONMENTS / TOOLS / "bin" / "uv")
    options = ["--quiet", "--universal", "--generate-hashes", "--python-version", "3.11", "--no-header"]
    options += ["--no-emit-index-url", "--no-annotate", "-c", str(constraints)]
    for name in (TOOLS, *NAMES):
        source, target = LOCKED / f"{name}.in", LOCKED / f"{name}.txt"
        _run(uv, "pip", "compile", *options, str(source), "-o", str(target))


def _run(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def main() -> int:
    """Create the environments or lock them again."""
    options_parser = parser(__doc__)
    options_parser.add_argument("action", nargs="?", choices=("install", "lock"), default="install")
    if options_parser.parse_args().action == "lock":
        lock()
        return 0
    failures = install()
    for name, why in failures.items():
        say(f"{name}: not installed: {why}")
    return 1 if failures else 0
