"""The container engine of this machine, and the base image that it can get."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.programs.deployment import said_by
from tests.programs.real_clients.checks import Missing

DOCKERFILE = Path("Dockerfile")

# Debian's own Python, where no registry can be reached; the name under which it is kept.
STAND_IN = "localhost/scorepool-stand-in-base"
STAND_IN_SUITE = "bookworm"
STAND_IN_PACKAGES = "python3-venv,ca-certificates"

# A build downloads through what the machine trusts, which may be a company's own authority.
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")

PULL_S = 120

# For a machine that grants little: no systemd to make control groups, few open files and processes, no journal.
MODEST = """
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


class Engine:
    """Runs one engine's commands; `name` is docker or podman."""

    def __init__(self, name: str, environment: dict[str, str] | None = None) -> None:
        self.name = name
        self._environment = environment or {}

    def __call__(self, *arguments: str) -> str:
        """Run a command and return what it printed. Raises: AssertionError where it fails."""
        return said_by(self.name, *arguments, environment=self._environment).strip()

    def succeeds(self, *arguments: str) -> bool:
        """Run a command and tell whether it worked."""
        try:
            self(*arguments)
        except AssertionError:
            return False
        return True

    def build(self, folder: Path, dockerfile: Path, tag: str, **arguments: str) -> None:
        """Build an image."""
        options = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
        if self.name == "podman":
            options += ["--isolation", "chroot", "--format", "docker"]
            if AUTHORITIES.exists():
                options += ["--volume", f"{AUTHORITIES}:{AUTHORITIES}:ro"]
        self("build", *options, "--tag", tag, "--file", str(dockerfile), str(folder))


@contextmanager
def found_engine(base: str) -> Iterator[tuple[Engine, str]]:
    """Give an engine that can run containers here, and a base image that it has. Raises: Missing."""
    engine = Engine("docker")
    if not (shutil.which("docker") and engine.succeeds("info")):
        engine = Engine("podman")
        if shutil.which("podman") is None:
            raise Missing(
                "neither a running docker nor podman is installed (Debian: podman runc catatonit netavark)"
            )
    with tempfile.TemporaryDirectory() as folder:
        modest = Path(folder) / "containers.conf"
        modest.write_text(MODEST)
        base = available_base(engine, base)
        choices = [engine, Engine(engine.name, {"CONTAINERS_CONF": str(modest)})]
        for choice in choices:
            if choice.succeeds("run", "--rm", base, "true"):
                yield choice, base
                return
        raise Missing(f"{engine.name} cannot run containers here")


def declared_base() -> str:
    """Return the base that the Dockerfile names."""
    found = re.search(r"^ARG BASE=(\S+)", DOCKERFILE.read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def available_base(engine: Engine, wanted: str) -> str:
    """Return the wanted base, or the Dockerfile's own, or a stand-in where that cannot be had. Raises: Missing."""
    base = wanted or declared_base()
    if engine.succeeds("image", "inspect", base) or pulled(engine, base):
        return base
    if wanted:
        raise Missing(f"the base image {wanted} cannot be had")
    if not engine.succeeds("image", "inspect", STAND_IN):
        if shutil.which("mmdebstrap") is None:
            raise Missing(f"{base} cannot be had, nor mmdebstrap to make another base")
        make_stand_in(engine)
    return STAND_IN


def pulled(engine: Engine, image: str) -> bool:
    """Pull an image, and tell whether it came."""
    try:
        subprocess.run([engine.name, "pull", image], capture_output=True, check=True, timeout=PULL_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return False
    return True


def make_stand_in(engine: Engine) -> None:
    """Install a small Debian with Python and import it as an image."""
    with tempfile.TemporaryDirectory() as folder:
        archive = f"{folder}/base.tar"
        said_by("mmdebstrap", "--variant=minbase", f"--include={STAND_IN_PACKAGES}", STAND_IN_SUITE, archive)
        engine("import", archive, STAND_IN)
