"""The faults that the alerts are for, done to a real server; each goes on until it is told to stop."""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

from bench.harness.documents import HUGE, MIDDLE, bodies, corpus
from scoring.bundle.bundle import write_bundle
from service.limits import MIB
from tests.support.another_bundle import write_another
from tests.support.jobs import JobsClient, texts
from tests.support.jobs import corpus as as_corpus
from tests.support.server import DOCUMENTS, Server, running_server
from tests.support.small_bundle import model
from tests.torture.jobs import kill


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a fault happens: a server with a bundle of its own, and a second address, whose target may be scraped."""

    server: Server
    bundle: Path
    second_port: int


Inject = Callable[[Scene, Event], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. alerts: what it must make fire. prefix: a command that runs the server's."""

    title: str
    alerts: frozenset[str]
    inject: Inject
    settings: Mapping[str, Any] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    uses_second_port: bool = False


def repeated(step: Callable[[Server], object], pause_s: float = 0.1, clients: int = 1) -> Inject:
    """Return what does a step again and again, each of the clients on its own."""

    def inject(scene: Scene, stop: Event) -> None:
        def client() -> None:
            while not stop.wait(pause_s):
                step(scene.server)

        with ThreadPoolExecutor(clients) as pool:
            for each in [pool.submit(client) for _ in range(clients)]:
                each.result()

    return inject


def requests(body: bytes, pause_s: float = 0.1, clients: int = 1, **headers: str) -> Inject:
    """Return what sends a command to the scripted workers again and again, each time as a body of its own."""
    number = count()
    return repeated(lambda server: server.score(body + b"\n%d" % next(number), **headers), pause_s, clients)


def kill_workers(server: Server) -> None:
    """Kill every worker that there is."""
    for slot in server.status()["slots"]:
        if slot["pid"] is not None:
            with suppress(ProcessLookupError):
                os.kill(slot["pid"], signal.SIGKILL)


def end_server(scene: Scene, stop: Event) -> None:
    """Kill the server."""
    scene.server.process.kill()
    stop.wait()


def restart_server(scene: Scene, stop: Event) -> None:
    """Kill the server, and each that takes its place."""
    scene.server.process.kill()
    scene.server.process.wait()
    while not stop.is_set():
        with running_server(scene.bundle, port=scene.server.address[1], workers=1) as server:
            server.await_ready()
            stop.wait(1)  # for a scrape to see it
            server.process.kill()
            server.journal.reader.join()


def damage_bundle(scene: Scene, stop: Event) -> None:
    """Cut a file of the bundle off, and have workers find it."""
    os.truncate(scene.bundle / "word_vectors.npy", 12)
    kill_workers(scene.server)
    stop.wait()


def serve_two_models(scene: Scene, stop: Event) -> None:
    """Serve another model at the second address."""
    other = scene.bundle.with_name("other")
    write_bundle(other, model())
    with running_server(other, port=scene.second_port, workers=1):
        stop.wait()


def fill_disk(scene: Scene, stop: Event) -> None:
    """Have a job at the second address, and then no room for it: none beside the reserve."""
    serving = partial(_second_server, scene, scene.bundle)
    with serving() as server:
        JobsClient(server).submit(LARGE_CORPUS)
        kill(server)
    with serving(reserve=2**40):
        stop.wait()


def fail_job(scene: Scene, stop: Event) -> None:
    """Compare a corpus, at the second address, with one that has another model's vectors."""
    with _second_server(scene, scene.bundle) as server:
        client = JobsClient(server)
        base = client.submit(SMALL_CORPUS)
        client.await_result(base)
    other = write_another(scene.bundle, scene.bundle.with_name("other"))
    with _second_server(scene, other) as server:
        stop.wait(3)  # for a scrape to see it without failed jobs
        JobsClient(server).submit(SMALL_CORPUS, f"against={base.removeprefix('/jobs/')}")
        stop.wait()


def _second_server(scene: Scene, bundle: Path, reserve: int = 0) -> AbstractContextManager[Server]:
    """Return a server with jobs at the second address. reserve: bytes of the disk that it leaves free."""
    return running_server(
        bundle,
        scripted=False,
        port=scene.second_port,
        workers=1,
        drain_timeout_s=1,
        state_dir=scene.bundle.with_name("state"),
        state_reserve_bytes=reserve,
    )


def reload_nothing(scene: Scene, stop: Event) -> None:
    """Ask for another model where there is none."""
    scene.bundle.rename(scene.bundle.with_name("aside"))
    scene.server.request("POST", "/reload", headers=scene.server.headers)
    stop.wait()


def starve_loop(scene: Scene, stop: Event) -> None:
    """Stop the server's process for half of the time."""
    while not stop.wait(0.2):
        scene.server.process.send_signal(signal.SIGSTOP)
        stop.wait(0.2)
        scene.server.process.send_signal(signal.SIGCONT)


def leave_answers_unread(scene: Scene, stop: Event) -> None:
    """Ask for 63 MB of answers and read nothing; again when the server has given the connections up."""
    while not stop.is_set():
        with ExitStack() as clients:
            for _ in range(3):
                clients.enter_context(scene.server.begin(b"answer_of 21000000"))
            stop.wait(18)


def open_connections(scene: Scene, stop: Event) -> None:
    """Open many connections and send nothing."""
    with ExitStack() as clients:
        for _ in range(61):
            clients.enter_context(scene.server.connect())
        stop.wait()


def stall_log(scene: Scene, stop: Event) -> None:
    """Do not read the log, of which each probe writes a line."""
    probes = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" * 50
    with scene.server.journal.stalled(), scene.server.connect() as client:
        while not stop.is_set():
            client.sendall(probes)
            answered = b""
            while answered.count(b"alive") < 50:
                answered += client.recv(100_000)


def change_texts(scene: Scene, stop: Event) -> None:
    """Send news for 80 seconds, then words that no model knows."""
    news, letters = bodies(MIDDLE, corpus()), random.Random(0)
    begin = time.monotonic()
    while not stop.wait(0.2):
        if time.monotonic() < begin + 80:
            scene.server.score(letters.choice(news))
        else:
            words = ["".join(letters.choices("qxzwvk", k=9)) for _ in range(40)]
            scene.server.score(json.dumps({"documents": [" ".join(words)] * 8}).encode())


def send_bad_token(server: Server) -> None:
    """Send a request whose token is signed by another key."""
    headers = {**server.headers, "Authorization": f"Bearer {server.token[:-4]}AAAA"}
    server.request("POST", "/score", DOCUMENTS, headers)


[MANY_DOCUMENTS] = bodies(HUGE, corpus())

SMALL_CORPUS, LARGE_CORPUS = (as_corpus(texts(300) * times) for times in (1, 20))

FAULTS = (
    Fault("the server is killed", frozenset({"ScorepoolDown", "ScorepoolAbsent"}), end_server),
    Fault("the server is killed again and again", frozenset({"ScorepoolRestarting"}), restart_server),
    Fault(
        "a file of the bundle is cut off",
        frozenset({"ScorepoolBundleDamaged", "ScorepoolNotReady", "ScorepoolNoneReady"}),
        damage_bundle,
    ),
    Fault(
        "two models are served", frozenset({"ScorepoolModelsDiffer"}), serve_two_models, uses_second_port=True
    ),
    Fault("a reload finds no bundle", frozenset({"ScorepoolReloadFailed"}), reload_nothing),
    Fault(
        "requests take longer than their deadline",
        frozenset({"ScorepoolDeadlinesMissed", "ScorepoolErrorBudgetFast", "ScorepoolErrorBudgetSlow"}),
        requests(b"sleep 60", X_Request_Timeout_Ms="300"),
    ),
    Fault(
        "requests crash their workers",
        frozenset({"ScorepoolRequestsKillWorkers"}),
        requests(b"kill_self SIGSEGV"),
    ),
    Fault("scoring raises an exception", frozenset({"ScorepoolInternalErrors"}), requests(b"fail")),
    Fault(
        "all workers are killed again and again",
        frozenset({"ScorepoolWorkersCrashing", "ScorepoolSlotBackoff"}),
        repeated(kill_workers),
    ),
    Fault(
        "requests need more memory than there is",
        frozenset({"ScorepoolWorkersOutOfMemory"}),
        requests(b"hog"),
        {"worker_memory_bytes": 256 * MIB},
    ),
    Fault(
        "workers keep memory",
        frozenset({"ScorepoolWorkersRecycled"}),
        requests(b"keep 20", 0.05),
        {"worker_memory_bytes": 256 * MIB},
    ),
    Fault(
        "more work comes than the worker can do",
        frozenset({"ScorepoolOverloaded", "ScorepoolSaturated"}),
        repeated(lambda server: server.score(MANY_DOCUMENTS), 0.05, clients=8),
        {"workers": 1, "queue_budget_s": 0.3},
    ),
    Fault(
        "requests take long",
        frozenset({"ScorepoolSlow"}),
        requests(b"sleep 2", clients=2),
        {"request_timeout_s": 3},
    ),
    Fault("the server's process gets half of its time", frozenset({"ScorepoolEventLoopLag"}), starve_loop),
    Fault(
        "clients do not read large answers",
        frozenset({"ScorepoolAnswersUnread"}),
        leave_answers_unread,
        {"answer_budget_bytes": 64 * MIB},
    ),
    Fault(
        "many connections are open",
        frozenset({"ScorepoolConnectionsNearLimit"}),
        open_connections,
        {"workers": 1, "header_timeout_s": 600},
        prefix=("prlimit", "--nofile=128:128"),
    ),
    Fault("the log is not read", frozenset({"ScorepoolLogLinesDropped"}), stall_log, {"log_level": "debug"}),
    Fault(
        "tokens are signed by another key", frozenset({"ScorepoolTokensRefused"}), repeated(send_bad_token)
    ),
    Fault("the disk of jobs is full", frozenset({"ScorepoolJobsPaused"}), fill_disk, uses_second_port=True),
    Fault("a job cannot be done", frozenset({"ScorepoolJobsFailed"}), fail_job, uses_second_port=True),
    Fault(
        "the texts change",
        frozenset({"ScorepoolUnknownWords", "ScorepoolClusterDrift"}),
        change_texts,
    ),
)
