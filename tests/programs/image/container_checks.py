"""What one container must do: work with little, in a sandbox, and lose nothing when it is told to stop."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from tests.programs.image.container import Container, running
from tests.programs.image.engine import Engine
from tests.programs.real_clients.checks import Check, expect
from tests.support.server import DOCUMENTS, TIMEOUT_S

MIB = 1024 * 1024
MEMORY_BYTES = 300 * MIB

# Any user: it is in no /etc/passwd.
USER = 12345

# 64 MiB of /dev/shm is what docker gives by default, podman too.
SMALL = ("--memory", str(MEMORY_BYTES), "--cpus", "0.5", "--shm-size", "64m", "--user", f"{USER}:{USER}")

HEALTH_CHECK = ("python3", "-m", "service.cli.healthcheck", "/livez")

STOP_S = 40
CLIENTS = 8

# 12 MB of JSON each. So many of them fit into what 300 MiB leave for answers.
MATRIX = json.dumps({"documents": ["storm harbour gale"] * 1_000, "similarity": "matrix"}).encode()
MATRIX_CLIENTS = 3

# Nearly the largest that is allowed, of 8 MiB.
LARGE = json.dumps({"documents": ["storm harbour gale " * 420] * 1_000, "similarity": "none"}).encode()
LARGE_CLIENTS = 32
SUBJECTS = 4

# Read what a process sees of its own sandbox.
LOOK = """
import json, os, pwd
fields = dict(line.split(":", 1) for line in open("/proc/1/status"))
def refused(attempt):
    try:
        attempt()
    except (OSError, KeyError) as error:
        return type(error).__name__ + " " + str(getattr(error, "errno", ""))
shm = os.statvfs("/dev/shm")
print(json.dumps({
    "uid": os.getuid(), "named": refused(lambda: pwd.getpwuid(os.getuid())), "write": refused(lambda: open("/x", "w")),
    "temporary": refused(lambda: open("/tmp/x", "w")), "capabilities": int(fields["CapEff"].strip(), 16),
    "bounding": int(fields["CapBnd"].strip(), 16), "no_new_privileges": int(fields["NoNewPrivs"]),
    "shm": shm.f_blocks * shm.f_frsize}))
"""

# Ask the service as a process of the same container does.
ASK = """
import json, sys, urllib.request
request = urllib.request.Request("http://127.0.0.1:8000/score", sys.argv[2].encode(),
    {"Authorization": "Bearer " + sys.argv[1], "Content-Type": "application/json"})
print(len(json.load(urllib.request.urlopen(request))["documents"]))
"""

# The kernel's own count, of either version of control groups.
KILLS = """
from pathlib import Path
for name in ("memory.events", "memory/memory.oom_control"):
    path = Path("/sys/fs/cgroup") / name
    if path.exists():
        print(next(line.split()[1] for line in path.read_text().splitlines() if line.startswith("oom_kill ")))
        break
"""


def sandbox(engine: Engine) -> tuple[str, ...]:
    """Return the options of the sandbox: nothing to write to, no capabilities, and nothing that podman alone adds."""
    of_podman = ("--read-only-tmpfs=false", "--passwd=false") if engine.name == "podman" else ()
    return ("--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges", *of_podman)


def container_checks(engine: Engine, image: str, bundle: Path) -> Iterator[Check]:
    """Yield the checks of a small container with a mounted bundle, and of how one stops."""
    mounted = ("--volume", f"{bundle}:/bundle:ro")
    with ExitStack() as stack:
        start = running(engine, image, *SMALL, *sandbox(engine), *mounted)
        try:
            container = stack.enter_context(start)
        except AssertionError as error:
            yield Check("a small container starts", partial(report, error))
            return
        yield Check("300 MiB, half a CPU: documents scored from inside", partial(scored_inside, container))
        yield Check("read-only root, no capabilities, an unknown user", partial(sandboxed, container))
        yield Check("the settings follow the limits", partial(limits_seen, container))
        yield Check("the health check's command", partial(container.execute, *HEALTH_CHECK))
        yield Check("a worker that is killed", partial(worker_killed, container))
        yield Check("matrices of 12 MB, 64 MiB of /dev/shm", partial(large_answers, container))
        yield Check("bodies of 8 MB, four times what the memory holds", partial(large_bodies, container))
        yield Check("no process killed for memory in all that", partial(no_kills, container))
    yield Check("stop under load", partial(stopped, engine, image, (*sandbox(engine), *mounted)))


def report(error: AssertionError) -> str:
    """Fail with what went wrong before there was a check."""
    raise error


def scored_inside(container: Container) -> str:
    """Score three documents by a process in the container."""
    found = container.execute("python3", "-c", ASK, container.token, DOCUMENTS.decode())
    expect(found, "3", "documents in the answer")
    return ""


def sandboxed(container: Container) -> str:
    """Look at the sandbox from inside."""
    seen: dict[str, Any] = json.loads(container.execute("python3", "-c", LOOK))
    expect(seen["uid"], USER, "user")
    expect(seen["named"], "KeyError ", "look-up of the user's name")
    expect((seen["write"], seen["temporary"]), ("OSError 30", "OSError 30"), "writing to / and /tmp")
    expect((seen["capabilities"], seen["bounding"]), (0, 0), "capabilities, effective and bounding")
    expect((seen["no_new_privileges"], seen["shm"]), (1, 64 * MIB), "no new privileges, /dev/shm")
    return ""


def limits_seen(container: Container) -> str:
    """Read the first lines of the log."""
    [starting], [memory] = container.events("starting"), container.events("memory")
    expect(starting["workers"], 1, "workers")
    expect((memory["limit_bytes"], memory["sufficient"]), (MEMORY_BYTES, True), "memory")
    shares = (
        f"{name.removesuffix('_bytes')} {memory[name] // MIB}" for name in memory if name.endswith("_bytes")
    )
    return f"MiB: {', '.join(shares)}"


def worker_killed(container: Container) -> str:
    """Kill the worker from inside; the next one serves."""
    before = container.slot()
    container.execute("python3", "-c", f"import os; os.kill({before['pid']}, 9)")
    end = time.monotonic() + TIMEOUT_S
    while (slot := container.slot())["pid"] in {before["pid"], None} or slot["state"] != "ready":
        expect(time.monotonic() < end, True, "another worker in time")
    expect(container.score(DOCUMENTS), (200, ""), "answer of the next worker")
    expect(slot["restarts"], before["restarts"] + 1, "restarts")
    return f"process {before['pid']} replaced by {slot['pid']}"


def answers_of(
    ask: Callable[[int], tuple[int, str]], requests: int, clients: int
) -> Counter[tuple[int, str]]:
    """Have so many clients ask at once, so many times in all; count the answers."""
    with ThreadPoolExecutor(clients) as pool:
        return Counter(pool.map(ask, range(requests)))


def told(answers: Counter[tuple[int, str]]) -> str:
    """Return the counts as words."""
    return ", ".join(
        f"{count} × {status} {code}".strip() for (status, code), count in sorted(answers.items())
    )


def large_answers(container: Container) -> str:
    """Ask for matrices."""
    answers = answers_of(lambda _: container.score(MATRIX), 4 * MATRIX_CLIENTS, MATRIX_CLIENTS)
    expect(set(answers), {(200, "")}, told(answers))
    return told(answers)


def large_bodies(container: Container) -> str:
    """Send more at once than fits into the memory; what is not taken is refused."""
    answers = answers_of(
        lambda number: container.score(LARGE, f"subject-{number % SUBJECTS}"),
        2 * LARGE_CLIENTS,
        LARGE_CLIENTS,
    )
    allowed = {(200, ""), (503, "overloaded"), (429, "quota_exceeded")}
    expect(set(answers) <= allowed and answers[200, ""] > 0, True, told(answers))
    return told(answers)


def no_kills(container: Container) -> str:
    """Ask the kernel, and the log whether a worker has ended in any other way than by our kill."""
    expect(container.execute("python3", "-c", KILLS), "0", "processes killed by the kernel")
    ends = [event["detail"] for event in container.events("slot_ended")]
    expect(len(ends), 1, f"workers that ended, {ends},")
    expect(container.score(DOCUMENTS), (200, ""), "answer after it")
    return ""


class Client:
    """Asks without pause on kept connections until the service refuses because it drains, or to be reached at all."""

    def __init__(self, container: Container) -> None:
        self.answered = self.lost = 0
        self.faults: set[str] = set()
        self._address = container.address
        self._headers = container.headers()
        self.thread = threading.Thread(target=self._ask)
        self.thread.start()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT_S)
        while True:
            try:
                connection.connect()
            except OSError:
                return
            if self._ask_until_closed(connection):
                return

    def _ask_until_closed(self, connection: http.client.HTTPConnection) -> bool:
        """Ask until the connection is closed; return whether the service drains."""
        while connection.sock is not None:
            try:
                connection.request("POST", "/score", DOCUMENTS, self._headers)
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.lost += 1
                self.faults.add(type(error).__name__)
                connection.close()
                return True
            if answer.status == 503 and json.loads(body)["code"] == "draining":
                return True
            self.answered += answer.status == 200
            if answer.status != 200:
                self.faults.add(str(answer.status))
        return False


def stopped(engine: Engine, image: str, options: tuple[str, ...]) -> str:
    """Stop a container while clients ask: each request that it took is answered, and it exits with 0."""
    with running(engine, image, "--env", "SCOREPOOL_DRAIN_DELAY_S=1", *options) as container:
        clients = [Client(container) for _ in range(CLIENTS)]
        end = time.monotonic() + TIMEOUT_S
        while any(client.answered < 20 for client in clients):
            expect(time.monotonic() < end, True, "20 answers for each client")
            time.sleep(0.1)
        begin = time.monotonic()
        status = container.stop(STOP_S)
        took = time.monotonic() - begin
        for client in clients:
            client.thread.join()
    faults = sorted(fault for client in clients for fault in client.faults)
    expect(
        (sum(client.lost for client in clients), faults),
        (0, []),
        "requests without an answer, and other faults",
    )
    expect(status, 0, "exit status")
    return f"{sum(client.answered for client in clients)} requests, 0 lost, exit status 0 after {took:.1f} s"
