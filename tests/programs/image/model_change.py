"""A model that is exchanged in a running container with little memory, while clients ask."""

import shutil
import tempfile
import time
from pathlib import Path

from tests.programs.image.container import Container, running
from tests.programs.image.container_checks import KILLS, SMALL, STOP_S, Client, sandbox
from tests.programs.image.engine import Engine
from tests.programs.real_clients.checks import expect
from tests.support.another_bundle import write_another
from tests.support.server import TIMEOUT_S

CLIENTS = 2


def exchanged(engine: Engine, image: str, bundle: Path) -> str:
    """Put another bundle in the place of the served one and send SIGHUP: no request is lost, and nothing is killed.

    The folder that is mounted holds the bundle's: a mount follows the folder, not its name, so one of the bundle itself
    would stay with the old one.
    """
    with tempfile.TemporaryDirectory() as name:
        models = Path(name)
        models.chmod(0o755)
        shutil.copytree(bundle, models / "current")
        write_another(bundle, models / "next")
        mounted = ("--volume", f"{models}:/models:ro", "--env", "SCOREPOOL_BUNDLE=/models/current")
        with running(engine, image, *SMALL, *sandbox(engine), *mounted) as container:
            before = digest(container)
            clients = [Client(container) for _ in range(CLIENTS)]
            (models / "current").rename(models / "old")
            (models / "next").rename(models / "current")
            engine("kill", "--signal", "HUP", container.name)
            await_reload(container)
            expect(digest(container) != before, True, "another digest")
            expect(container.execute("python3", "-c", KILLS), "0", "processes killed by the kernel")
            status = container.stop(STOP_S)
            for client in clients:
                client.thread.join()
    lost = sum(client.lost for client in clients)
    expect(
        (lost, {fault for client in clients for fault in client.faults}), (0, set()), "lost, and other faults"
    )
    expect(status, 0, "exit status")
    return f"{sum(client.answered for client in clients)} requests, 0 lost"


def digest(container: Container) -> str:
    """Return the digest of the served model."""
    found: str = container.request("GET", "/info")[1]["model"]["digest"]
    return found


def await_reload(container: Container) -> None:
    """Wait until the log says that the model was exchanged."""
    end = time.monotonic() + TIMEOUT_S
    while not container.events("reloaded"):
        expect((container.events("reload_failed"), time.monotonic() < end), ([], True), "a reload in time")
        time.sleep(0.2)
