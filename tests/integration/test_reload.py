"""A model that is exchanged while it is served, by a real server."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.client import HTTPResponse
from pathlib import Path
from socket import socket
from typing import Any

import pytest

from scoring.bundle.bundle import open_bundle
from tests.support.heavy_documents import heavy_documents
from tests.support.server import Reply, Server, running_server

VECTORS = "word_vectors.npy"

HEAVY = json.dumps({"documents": heavy_documents(1)}).encode()


@pytest.fixture
def bundle(demo_bundle: Path, tmp_path: Path) -> Path:
    """Return the path of a bundle that a test may replace."""
    return shutil.copytree(demo_bundle, tmp_path / "bundle")


@pytest.fixture
def server(bundle: Path) -> Iterator[Server]:
    """Serve that bundle with two workers that are ready."""
    with running_server(bundle, scripted=False) as server:
        server.await_ready(2)
        yield server


def replace_bundle(bundle: Path, by: Path) -> Path:
    """Put another bundle in the place of one; return where that is now."""
    aside = bundle.with_name("aside")
    shutil.rmtree(aside, ignore_errors=True)
    bundle.rename(aside)
    shutil.copytree(by, bundle)
    return aside


def reload(server: Server) -> Reply:
    """Ask for a reload and wait for its answer."""
    return server.request("POST", "/reload", headers=server.headers)


def digest(reply: Reply) -> str:
    """Return the digest of the model of an answer, which must be one."""
    assert reply.status == 200, reply.body
    found: str = json.loads(reply.body)["model"]["digest"]
    return found


def served(server: Server) -> set[str]:
    """Return the digests in `/info`, in the metrics, of the workers in `/status`, and of a few answers."""
    exposed = server.request("GET", "/metrics").body.decode()
    [line] = [line for line in exposed.splitlines() if line.startswith("scorepool_model_info{")]
    workers = {slot["digest"] for slot in server.status()["slots"]}
    answers = {digest(server.score()) for _ in range(4)}
    info = digest(server.request("GET", "/info"))
    return {info, line.partition('digest="')[2].partition('"')[0], *workers, *answers}


def open_files(server: Server, folder: Path) -> list[str]:
    """Return which files of a folder the server itself has open."""
    links = []
    for entry in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it has been closed meanwhile
            links.append(str(entry.readlink()))
    return [link for link in links if link.startswith(f"{folder}/")]


def kill_workers(server: Server) -> None:
    """Kill every worker, and wait until all slots have another one."""
    for slot in server.status()["slots"]:
        mark = len(server.journal.events)
        os.kill(slot["pid"], signal.SIGKILL)
        server.journal.await_events(1, mark, event="slot_state", slot=slot["slot"], state="ready")


def test_the_bundle_in_the_place_of_the_old_one_is_served(
    server: Server, bundle: Path, another_bundle: Path
) -> None:
    """By everything that names a model, and by workers that are started later; nothing is left of the old one."""
    old, new = open_bundle(bundle).digest, open_bundle(another_bundle).digest
    before = served(server)

    aside = replace_bundle(bundle, another_bundle)
    reply = reload(server)

    answer = json.loads(reply.body)
    assert (reply.status, answer["result"], answer["old_digest"], answer["digest"]) == (
        200,
        "reloaded",
        old,
        new,
    )
    assert (before, served(server)) == ({old}, {new})
    kill_workers(server)
    assert served(server) == {new}
    assert open_files(server, aside) == []
    [event] = server.journal.await_events(event="reloaded")
    assert (event["old_digest"], event["digest"]) == (old, new)
    samples = server.metrics()
    assert samples['scorepool_reloads_total{result="reloaded"}'] == 1
    assert samples['scorepool_slot_restarts_total{reason="reload"}'] == 2


def test_the_way_back_is_another_reload(server: Server, bundle: Path, another_bundle: Path) -> None:
    """The old folder gets its name back, and SIGHUP does the rest."""
    old = open_bundle(bundle).digest
    aside = replace_bundle(bundle, another_bundle)
    assert reload(server).status == 200

    shutil.rmtree(bundle)
    aside.rename(bundle)
    server.process.send_signal(signal.SIGHUP)
    server.journal.await_events(2, event="reloaded")

    assert served(server) == {old}


def test_the_same_bundle_changes_nothing(server: Server, bundle: Path) -> None:
    """No worker is replaced for it."""
    pids = [slot["pid"] for slot in server.status()["slots"]]
    opened = len(open_files(server, bundle))

    answer = json.loads(reload(server).body)

    assert answer["result"] == "unchanged"
    assert answer["old_digest"] == answer["digest"] == open_bundle(bundle).digest
    assert [slot["pid"] for slot in server.status()["slots"]] == pids
    assert len(open_files(server, bundle)) == opened


def truncate(bundle: Path) -> None:
    """Cut a file off."""
    os.truncate(bundle / VECTORS, 12)


def corrupt(bundle: Path) -> None:
    """Change the last byte of a file."""
    content = (bundle / VECTORS).read_bytes()
    (bundle / VECTORS).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def remove_file(bundle: Path) -> None:
    """Take a file away."""
    (bundle / VECTORS).unlink()


def replace_manifest(bundle: Path) -> None:
    """Make it no bundle."""
    (bundle / "manifest.json").write_bytes(b"[]")


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (truncate, VECTORS),
        (corrupt, VECTORS),
        (remove_file, VECTORS),
        (replace_manifest, "manifest.json"),
        (shutil.rmtree, "bundle"),
    ],
)
def test_a_bad_bundle_changes_nothing(
    server: Server, bundle: Path, another_bundle: Path, damage: Callable[[Path], None], named: str
) -> None:
    """The answer and the log name the file and the fault; the old model is served on."""
    old = open_bundle(bundle).digest
    pids = [slot["pid"] for slot in server.status()["slots"]]
    aside = replace_bundle(bundle, another_bundle)
    opened = len(open_files(server, aside))
    damage(bundle)

    reply = reload(server)

    detail = json.loads(reply.body)["detail"]
    [event] = server.journal.await_events(event="reload_failed")
    assert (reply.status, reply.code) == (422, "reload_failed")
    assert detail == f"nothing has changed: {event['detail']}"
    assert f"{named}: " in detail
    assert [slot["pid"] for slot in server.status()["slots"]] == pids
    assert served(server) == {old}
    assert len(open_files(server, aside)) == opened
    assert open_files(server, bundle) == []
    assert server.metrics()['scorepool_reloads_total{result="failed"}'] == 1


class PendingReload:
    """A reload that waits for a heavy request, and that request."""

    def __init__(self, server: Server, connection: socket, reply: "Future[Reply]") -> None:
        [self.busy] = [slot for slot in server.status()["slots"] if slot["state"] == "busy"]
        self.reply = reply
        self._connection = connection

    def answer(self) -> Any:
        """Read the answer to the heavy request."""
        response = HTTPResponse(self._connection)
        response.begin()
        assert response.status == 200, response.read()
        return json.loads(response.read())


@contextmanager
def pending_reload(server: Server) -> Iterator[PendingReload]:
    """Begin a heavy request and then a reload; wait until the other slot has changed over."""
    with server.begin(HEAVY) as connection, ThreadPoolExecutor(1) as clients:
        server.busy_worker()
        reply = clients.submit(reload, server)
        server.journal.await_events(event="slot_ended", reason="reload")
        yield PendingReload(server, connection, reply)


def test_a_running_request_ends_on_the_model_that_it_began_with(
    server: Server, bundle: Path, another_bundle: Path
) -> None:
    """The other slot has the new model by then; meanwhile each slot says which one it has."""
    old, new = open_bundle(bundle).digest, open_bundle(another_bundle).digest
    replace_bundle(bundle, another_bundle)

    with pending_reload(server) as pending:
        between = digest(server.score())
        digests = [slot["digest"] for slot in server.status()["slots"]]
        heavy = pending.answer()
        reloaded = pending.reply.result()

    assert (heavy["model"]["digest"], between) == (old, new)
    assert sorted(digests) == sorted([old, new])
    assert json.loads(reloaded.body)["digest"] == new
    assert served(server) == {new}


def test_a_worker_that_dies_meanwhile_comes_back_with_the_new_model(
    server: Server, bundle: Path, another_bundle: Path
) -> None:
    """Its request runs again, on that one."""
    new = open_bundle(another_bundle).digest
    replace_bundle(bundle, another_bundle)

    with pending_reload(server) as pending:
        os.kill(pending.busy["pid"], signal.SIGKILL)
        reloaded = pending.reply.result()
        heavy = pending.answer()

    assert json.loads(reloaded.body)["result"] == "reloaded"
    assert heavy["model"]["digest"] == new
    assert served(server) == {new}


def test_a_second_reload_is_refused_while_one_runs(
    server: Server, bundle: Path, another_bundle: Path
) -> None:
    """It would not know which of the two models it is asked for."""
    replace_bundle(bundle, another_bundle)

    with pending_reload(server) as pending:
        second = reload(server)
        pending.answer()

    assert (second.status, second.code) == (409, "reload_running")
    assert pending.reply.result().status == 200


def test_a_drain_during_a_reload_wins(server: Server, bundle: Path, another_bundle: Path) -> None:
    """What runs is answered, the reload is refused, and the server exits with 0."""
    old = open_bundle(bundle).digest
    replace_bundle(bundle, another_bundle)

    with pending_reload(server) as pending:
        server.process.send_signal(signal.SIGTERM)
        refused = pending.reply.result()
        heavy = pending.answer()

    assert (refused.status, refused.code) == (503, "draining")
    assert heavy["model"]["digest"] == old
    assert server.process.wait(30) == 0


def test_a_reload_mends_what_a_damaged_bundle_has_stopped(
    server: Server, bundle: Path, another_bundle: Path
) -> None:
    """The service does not wait for the old bundle to be restored."""
    new = open_bundle(another_bundle).digest
    os.truncate(bundle / VECTORS, 12)
    assert server.score().code == "no_workers"
    replace_bundle(bundle, another_bundle)

    mark = len(server.journal.events)
    assert reload(server).status == 200
    server.journal.await_events(2, mark, event="slot_state", state="ready")

    assert served(server) == {new}
    assert server.request("GET", "/readyz").status == 200


def test_damage_to_the_new_bundle_is_watched_for(server: Server, bundle: Path, another_bundle: Path) -> None:
    """As for that of the start; damage to the old one harms nobody any more."""
    aside = replace_bundle(bundle, another_bundle)
    assert reload(server).status == 200
    whole = (bundle / VECTORS).read_bytes()

    os.truncate(aside / VECTORS, 12)
    kill_workers(server)
    unharmed = server.score()
    os.truncate(bundle / VECTORS, 12)
    refused = server.score()
    mark = len(server.journal.events)
    (bundle / VECTORS).write_bytes(whole)
    server.journal.await_events(2, mark, event="slot_state", state="ready")

    assert unharmed.status == 200
    assert refused.code == "no_workers"
    assert server.score().status == 200
