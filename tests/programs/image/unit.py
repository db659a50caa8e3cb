"""The unit of deploy/systemd under a real systemd, which runs in a container made for it."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.programs.deployment import UNIT
from tests.programs.image.container import Container
from tests.programs.image.engine import Engine
from tests.programs.real_clients.checks import expect
from tests.support.server import DOCUMENTS, TIMEOUT_S
from tests.support.tokens import SECRET

IMAGE = "localhost/scorepool-systemd:image-test"

DOCKERFILE = """
ARG SCOREPOOL
FROM ${SCOREPOOL}
USER 0
RUN apt-get update && apt-get install --yes --no-install-recommends systemd procps && systemctl mask systemd-resolved
COPY bundle /var/lib/scorepool/bundle
COPY --chmod=600 environment /etc/scorepool/environment
COPY scorepool.service /etc/systemd/system/
COPY short-watchdog.conf /etc/systemd/system/scorepool.service.d/
RUN systemctl enable scorepool
STOPSIGNAL SIGRTMIN+3
ENTRYPOINT ["/lib/systemd/systemd"]
CMD []
"""

ENVIRONMENT = f"""
SCOREPOOL_BUNDLE=/var/lib/scorepool/bundle
SCOREPOOL_JWT_SECRET={SECRET}
SCOREPOOL_HOST=0.0.0.0
"""

# So that the check need not wait as long as the unit does.
SHORT_WATCHDOG = "[Service]\nWatchdogSec=3s\n"

# On a machine with the first version of control groups systemd needs its own hierarchy.
HIERARCHY = Path("/sys/fs/cgroup/systemd")


def build(engine: Engine, image: str, bundle: Path) -> None:
    """Build an image with systemd, the unit and a bundle in it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(bundle, folder / "bundle")
        shutil.copy(UNIT, folder)
        (folder / "environment").write_text(ENVIRONMENT)
        (folder / "short-watchdog.conf").write_text(SHORT_WATCHDOG)
        (folder / "Dockerfile").write_text(DOCKERFILE)
        engine.build(folder, folder / "Dockerfile", IMAGE, SCOREPOOL=image)


@contextmanager
def booted(engine: Engine) -> Iterator[Container]:
    """Run systemd until the end of the block, from when the service is ready."""
    hierarchy = ("--volume", f"{HIERARCHY}:{HIERARCHY}:rw") if HIERARCHY.exists() else ()
    options = ("--systemd=always", "--privileged", "--publish", "127.0.0.1::8000", *hierarchy)
    name = engine("run", "--detach", *options, IMAGE).splitlines()[-1]
    try:
        container = Container(engine, name)
        container.await_ready()
        yield container
    finally:
        engine("rm", "--force", "--time", "0", name)


def shown(container: Container, name: str) -> str:
    """Return a property of the unit."""
    return container.execute("systemctl", "show", "--value", "--property", name, UNIT.stem)


def managed(engine: Engine, image: str, bundle: Path) -> str:
    """Have systemd start the service, reload it, restart it when its event loop stops, and stop it."""
    build(engine, image, bundle)
    with booted(engine) as container:
        expect(shown(container, "StatusText"), "serving on http://0.0.0.0:8000", "status")
        expect(container.score(DOCUMENTS), (200, ""), "answer")
        container.execute("systemctl", "reload", UNIT.stem)
        expect(
            (shown(container, "ActiveState"), container.score(DOCUMENTS)),
            ("active", (200, "")),
            "after a reload",
        )
        stopped = shown(container, "MainPID")
        container.execute("systemctl", "kill", "--kill-whom=main", "--signal=STOP", UNIT.stem)
        end = time.monotonic() + TIMEOUT_S
        while shown(container, "MainPID") in {stopped, "0"}:
            expect(time.monotonic() < end, True, "the watchdog in time")
            time.sleep(0.2)
        container.await_ready()
        expect(container.score(DOCUMENTS), (200, ""), "answer after the watchdog's restart")
        container.execute("systemctl", "stop", UNIT.stem)
        expect(
            (shown(container, "Result"), shown(container, "ExecMainStatus")),
            ("success", "0"),
            "end of the stop",
        )
    return "started, reloaded, restarted by the watchdog when it was stopped, ended with 0"
