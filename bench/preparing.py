"""What must be there before anything is measured: environments, the model, the same as a bundle."""

import os
import shutil
import subprocess
import sys

from bench import environments
from bench.places import BUNDLE, QUESTION, ROOT, WORK

# Programs that are not Python packages, and the Debian package of each.
PROGRAMS = {"wrk": "wrk", "redis-server": "redis-server"}


class PrepareError(Exception):
    """Something is missing without which nothing can be measured."""


def prepare() -> dict[str, str]:
    """Install and build what is missing; return why not for each environment that cannot be had.

    Raises: PrepareError.
    """
    shutil.rmtree(WORK / "run", ignore_errors=True)
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    failures = environments.install()
    if "wrk" in missing or environments.TOOLS in failures:
        raise PrepareError(
            f"apt-get install {' '.join(missing)}; tools: {failures.get('tools', 'installed')}"
        )
    if missing:
        failures["redis"] = "redis-server is not installed; apt-get install redis-server"
    if not (QUESTION / "centroids.npy").exists():
        say("training the question's model …")
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        _run([sys.executable, "-m", "bench.systems.question", str(QUESTION)], environment)
    if not BUNDLE.exists():
        say("importing it as a bundle …")
        model = ["--fasttext", str(QUESTION / "fasttext.model"), "--trust-pickle"]
        centroids = ["--centroids", str(QUESTION / "centroids.npy")]
        _run(
            [
                str(environments.folder("product") / "scorepool"),
                "import",
                *model,
                *centroids,
                "--output",
                str(BUNDLE),
            ]
        )
    return failures


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PrepareError(f"{' '.join(command[:4])} …: {done.stderr.strip()[-300:]}")


def say(what: str) -> None:
    """Tell whoever waits what is going on."""
    print(what, file=sys.stderr, flush=True)
