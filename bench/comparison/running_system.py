"""One system of the comparison while it runs: its start, its processes, where its requests go, its end."""

import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib import request
from urllib.error import URLError

from bench.comparison.catalogue import Scoring, System
from bench.comparison.environments import BUNDLE, METADATA, OWN_MODEL, PAYLOADS, folder
from bench.comparison.external_load import Target
from bench.comparison.process_tree import MARK, ProcessTree
from bench.harness import documents
from bench.harness.documents import Payload
from bench.harness.paths import ROOT, WORK
from bench.harness.server import free_ports, secret, token

START_LIMIT_S = 60.0


class StartError(Exception):
    """A system does not answer; the message ends with the last lines that it wrote."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where and how one start of a system happens. timeout_s: its request timeout, where it has one."""

    folder: Path
    ports: tuple[int, ...]
    workers: int = 2
    timeout_s: int = 30

    def fill(self, template: str) -> str:
        """Replace the {names} of a template; braces of JSON in it stay."""
        values = {f"port{i or ''}": port for i, port in enumerate(self.ports)}
        names = {**values, "workers": self.workers, "timeout": self.timeout_s, "folder": self.folder}
        for name, value in names.items():
            template = template.replace("{" + name + "}", str(value))
        return template


class RunningSystem:
    """A system from its launch to its end."""

    def __init__(self, system: System, site: Site) -> None:
        self.system = system
        self.site = site
        self.mark = uuid.uuid4().hex
        self.tree = ProcessTree(self.mark)
        self.parts: list[ProcessTree] = []  # one for each command
        self.took_s = 0.0  # from its start to the first scored answer
        self.processes: list[subprocess.Popen[bytes]] = []
        self.base = f"http://127.0.0.1:{site.ports[0]}"
        self.headers = {"Authorization": f"Bearer {token()}"} if system.kind == "product" else {}

    @property
    def parent(self) -> subprocess.Popen[bytes]:
        """The process that listens, or the one that supervises those that do."""
        return self.processes[-1]

    @property
    def health_url(self) -> str:
        return self.base + self.system.health

    def target(self, payload: Payload) -> Target:
        """Return where requests of `payload` go, with their files in this system's form."""
        files = documents.write(PAYLOADS, payload, self.system.form)
        return Target(self.base + self.system.path, files, self.headers)

    def launch(self) -> None:
        """Start every process of the system."""
        bin_folder = str(folder(self.system.environment))
        self.site.folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.system.files.items():
            (self.site.folder / name).write_text(self.site.fill(text))
        with (self.site.folder / "output.log").open("ab") as log:
            for i, command in enumerate(self.system.commands):
                mark = f"{self.mark}-{i}"
                words = [self.site.fill(word.replace("{bin}", bin_folder)) for word in command]
                environment = {**self._environment(), MARK: mark}
                process = subprocess.Popen(
                    words,
                    cwd=self.site.folder,
                    env=environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
                self.processes.append(process)
                self.parts.append(ProcessTree(mark))
                for tree in (self.tree, self.parts[-1]):
                    tree.add(process.pid)

    def _environment(self) -> Mapping[str, str]:
        site = self.site
        return {
            **variables(self.system.scoring),
            "BENCH_PORT": str(site.ports[0]),
            "BENCH_WORKERS": str(site.workers),
            "BENCH_TIMEOUT_S": str(site.timeout_s),
            "SCOREPOOL_JWT_SECRET": secret(),
            **{name: site.fill(value) for name, value in self.system.variables.items()},
        }

    def ask(self, payload: Payload = documents.SMALL, timeout_s: float = 5.0) -> bool:
        """Send one request; return whether a scored answer came back."""
        target = self.target(payload)
        body = (target.folder / "0.json").read_bytes()
        headers = {"Content-Type": "application/json", **target.headers}
        try:
            with request.urlopen(request.Request(target.url, body, headers), timeout=timeout_s) as answer:
                scored = json.loads(documents.unwrapped(answer.read(), self.system.form))
        except (URLError, OSError, ValueError, KeyError):
            return False
        return len(scored["documents"]) == payload.documents

    def await_answer(self, limit_s: float = START_LIMIT_S) -> float:
        """Wait for the first scored answer; return how many seconds it took.

        Raises: StartError when the system ends, or does not answer within the limit.
        """
        began = time.monotonic()
        while time.monotonic() - began < limit_s:
            if self.ask():
                return time.monotonic() - began
            if self.parent.poll() is not None:
                break
            time.sleep(0.1)
        log = (self.site.folder / "output.log").read_text(errors="replace")
        raise StartError(f"{self.system.name}: no answer; it wrote last: {log[-600:]}")

    def await_own_answer(self, limit_s: float) -> float | None:
        """Wait for a scored answer of this start; return the seconds, None when it ends or does not answer.

        Processes of an earlier start that are still there may answer on the same port; their answers do not count.
        """
        began = time.monotonic()
        while time.monotonic() - began < limit_s and self.parent.poll() is None:
            if self.ask(timeout_s=1.0) and self._listens():
                return time.monotonic() - began
            time.sleep(0.05)
        return None

    def _listens(self) -> bool:
        """Return whether one of the processes of this start listens on the port."""
        return bool(set(self.parts[-1].members()) & listeners(self.site.ports[0]))

    def end(self) -> None:
        """End every process of the system."""
        self.tree.end()
        for process in self.processes:
            process.kill()
            process.wait()


def variables(scoring: Scoring) -> dict[str, str]:
    """Return the environment variables of every scoring process of the comparison."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    # More numeric threads than processors slow every system down; the product sets the same itself.
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    python = {"PYTHONPATH": f"{ROOT}:{METADATA}", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    places = {"BENCH_SCORING": scoring, "BENCH_BUNDLE": str(BUNDLE), "BENCH_OWN_MODEL": str(OWN_MODEL)}
    return {**inherited, **threads, **python, **places}


@contextmanager
def running(system: System, *, timeout_s: int = 30) -> Iterator[RunningSystem]:
    """Start `system` in a fresh folder on free ports; yield it when it answers; end it."""
    place = WORK / "run" / f"{system.name.replace('/', '-')}-{uuid.uuid4().hex[:6]}"
    started = RunningSystem(system, Site(place, free_ports(3), timeout_s=timeout_s))
    try:
        started.launch()
        started.took_s = started.await_answer()
        yield started
    finally:
        started.end()
        shutil.rmtree(place, ignore_errors=True)


def listeners(port: int) -> set[int]:
    """Return the pids of the processes that hold a listening socket of `port`."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A"}
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(link.readlink()) in sockets:
                found.add(int(link.parts[2]))
    return found


def restart(started: RunningSystem) -> RunningSystem:
    """Start the same system again in the same folder on the same ports, as a supervisor does; the caller ends it."""
    again = RunningSystem(started.system, started.site)
    again.launch()
    return again
