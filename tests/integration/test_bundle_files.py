"""A bundle that is deleted, replaced or damaged while it is served, by a real server."""

import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from scoring.bundle.bundle import open_bundle
from tests.support.server import Reply, Server, running_server

VECTORS = "word_vectors.npy"


@pytest.fixture
def bundle(demo_bundle: Path, tmp_path: Path) -> Path:
    """Return the path of a bundle that a test may damage."""
    return shutil.copytree(demo_bundle, tmp_path / "bundle")


@pytest.fixture
def server(bundle: Path) -> Iterator[Server]:
    """Serve that bundle with two workers that are ready."""
    with running_server(bundle, scripted=False) as server:
        server.journal.await_events(2, event="slot_state", state="ready")
        yield server


def replace_workers(server: Server) -> None:
    """Kill every worker, and wait until all slots have another one."""
    for slot in server.status()["slots"]:
        mark = len(server.journal.events)
        os.kill(slot["pid"], signal.SIGKILL)
        server.journal.await_events(1, mark, event="slot_state", slot=slot["slot"], state="ready")


def readiness(server: Server) -> tuple[int, Any]:
    """Ask whether the server is ready; return the status and the answer."""
    reply = server.request("GET", "/readyz")
    return reply.status, json.loads(reply.body)


def not_ready(detail: str) -> tuple[int, Any]:
    """Return the answer of `/readyz` while a file is damaged."""
    return 503, {"status": "unavailable", "reason": "no_workers", "detail": detail}


def truncated_detail(path: Path, size: int) -> str:
    """Say of a file, which is whole still, that it has `size` bytes."""
    return f"{path.name} has {size} bytes instead of {path.stat().st_size}; it was cut off or changed"


def served_digest(server: Server) -> set[str]:
    """Return the digests of the model in `/info` and in the metrics."""
    info = json.loads(server.request("GET", "/info").body)
    exposed = server.request("GET", "/metrics").body.decode()
    line = next(line for line in exposed.splitlines() if line.startswith("scorepool_model_info{"))
    return {info["model"]["digest"], line.partition('digest="')[2].partition('"')[0]}


def mapped_by_all(server: Server) -> set[str]:
    """Return the paths of the files that all workers have mapped."""
    maps = [Path(f"/proc/{slot['pid']}/maps").read_text() for slot in server.status()["slots"]]
    return set.intersection(*({line.partition("/")[2] for line in each.splitlines()} for each in maps))


def open_files(server: Server) -> list[int]:
    """Return how many files each worker has open."""
    return [len(os.listdir(f"/proc/{slot['pid']}/fd")) for slot in server.status()["slots"]]  # noqa: PTH208 - of /proc


def scores(reply: Reply) -> bytes:
    """Return the body of an answer, which must be one."""
    assert reply.status == 200, reply.body
    return reply.body


def test_workers_come_back_after_the_folder_was_deleted(server: Server, bundle: Path) -> None:
    """They score as before, without the folder."""
    digest = open_bundle(bundle).digest
    before, opened = scores(server.score()), open_files(server)

    shutil.rmtree(bundle)
    replace_workers(server)

    assert {scores(server.score()) for _ in range(4)} == {before}
    files = {f"{bundle}/{name} (deleted)".removeprefix("/") for name in (VECTORS, "vocabulary.marisa")}
    assert files <= mapped_by_all(server)
    assert sorted(open_files(server)) == sorted(opened)
    assert served_digest(server) == {digest}
    assert readiness(server) == (200, {"status": "ready"})
    assert not server.journal.find(level="error")


def test_workers_serve_the_bundle_of_the_start_after_another_took_its_place(
    server: Server, bundle: Path, another_bundle: Path, tmp_path: Path
) -> None:
    """One server never serves two models."""
    digest = open_bundle(bundle).digest
    before = scores(server.score())
    assert open_bundle(another_bundle).digest != digest

    bundle.rename(tmp_path / "aside")
    shutil.copytree(another_bundle, bundle)
    replace_workers(server)

    assert {scores(server.score()) for _ in range(4)} == {before}
    assert served_digest(server) == {digest}


def test_a_file_that_was_replaced_by_a_rename_damages_nothing(server: Server, bundle: Path) -> None:
    """The server holds the old file, whatever has its name now."""
    before = scores(server.score())

    (bundle / "new").write_bytes(b"no array")
    (bundle / "new").rename(bundle / VECTORS)
    replace_workers(server)

    assert scores(server.score()) == before
    assert not server.journal.find(event="bundle_damaged")


def test_a_truncated_file_is_named_and_no_request_is_blamed(server: Server, bundle: Path) -> None:
    """The service says 503 and which file it is, and serves again when the file is whole, all in one process."""
    before = scores(server.score())
    whole, detail = (bundle / VECTORS).read_bytes(), truncated_detail(bundle / VECTORS, 12)

    os.truncate(bundle / VECTORS, 12)
    refused = [server.score() for _ in range(4)]

    assert [(reply.status, reply.code) for reply in refused] == [(503, "no_workers")] * 4
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in refused)
    assert readiness(server) == not_ready(detail)
    [event] = server.journal.await_events(event="bundle_damaged")
    assert (event["level"], event["file"], event["size"], event["expected"]) == (
        "error", VECTORS, 12, len(whole),
    )  # fmt: skip

    mark = len(server.journal.events)
    (bundle / VECTORS).write_bytes(whole)
    server.journal.await_events(2, mark, event="slot_state", state="ready")

    assert {scores(server.score()) for _ in range(4)} == {before}
    assert readiness(server) == (200, {"status": "ready"})
    assert len(server.journal.find(event="bundle_restored")) == 1
    assert len(server.journal.find(event="bundle_damaged")) == 1


def test_no_request_under_load_is_blamed_for_a_truncated_file(server: Server, bundle: Path) -> None:
    """Those in hand, those that wait and those that come are scored or refused."""
    size = (bundle / VECTORS).stat().st_size
    with ThreadPoolExecutor(8) as clients:
        replies = [clients.submit(server.score) for _ in range(200)]
        replies[50].result()
        os.truncate(bundle / VECTORS, size // 2)
        answered = Counter(reply.result().status for reply in replies)

    assert set(answered) <= {200, 503}
    assert not server.journal.find(event="request", code="worker_crashed")


def test_a_truncated_file_that_is_restored_by_a_rename_is_found(server: Server, bundle: Path) -> None:
    """As by rsync and by `publish`: the file in the folder is another one than the held one."""
    before = scores(server.score())
    shutil.copy(bundle / VECTORS, bundle / "copy")

    os.truncate(bundle / VECTORS, 12)
    assert server.score().code == "no_workers"
    mark = len(server.journal.events)
    (bundle / "copy").rename(bundle / VECTORS)
    server.journal.await_events(2, mark, event="slot_state", state="ready")
    shutil.rmtree(bundle)
    replace_workers(server)

    assert {scores(server.score()) for _ in range(4)} == {before}


def test_another_bundle_is_not_taken_for_a_restored_one(
    server: Server, bundle: Path, another_bundle: Path, tmp_path: Path
) -> None:
    """A whole bundle in the folder repairs nothing when it is not the one that was served."""
    aside = tmp_path / "aside"
    shutil.copytree(bundle, tmp_path / "spare")
    before, detail = scores(server.score()), truncated_detail(bundle / VECTORS, 24)
    os.truncate(bundle / VECTORS, 12)
    assert server.score().code == "no_workers"

    bundle.rename(aside)
    shutil.copytree(another_bundle, bundle)
    os.truncate(aside / VECTORS, 24)
    # The new size shows that the files were examined again.
    while readiness(server) == not_ready(detail.replace("24", "12", 1)):
        pass
    after = readiness(server)
    mark = len(server.journal.events)
    shutil.rmtree(bundle)
    (tmp_path / "spare").rename(bundle)
    server.journal.await_events(2, mark, event="slot_state", state="ready")

    assert after == not_ready(detail)
    assert scores(server.score()) == before


def test_a_file_of_the_right_size_and_wrong_content_is_not_whole(server: Server, bundle: Path) -> None:
    """It is told by its checksum."""
    whole = (bundle / VECTORS).read_bytes()

    os.truncate(bundle / VECTORS, 12)
    assert server.score().code == "no_workers"
    os.truncate(bundle / VECTORS, len(whole))
    fault = "does not have the checksum that the manifest says; it was damaged or changed"
    server.journal.await_events(event="bundle_damaged", file=VECTORS, size=len(whole), detail=fault)

    assert readiness(server) == not_ready(f"{VECTORS} {fault}")
    mark = len(server.journal.events)
    (bundle / VECTORS).write_bytes(whole)
    server.journal.await_events(2, mark, event="slot_state", state="ready")
    assert server.score().status == 200


def test_a_worker_that_cannot_start_names_the_file_too(server: Server, bundle: Path) -> None:
    """The terms are read at the start of a worker and not mapped, so no SIGBUS tells of them."""
    whole, detail = (bundle / "terms.json").read_bytes(), truncated_detail(bundle / "terms.json", 0)

    os.truncate(bundle / "terms.json", 0)
    os.kill(server.status()["slots"][0]["pid"], signal.SIGKILL)
    server.journal.await_events(event="bundle_damaged", file="terms.json", size=0, expected=len(whole))

    assert readiness(server) == not_ready(detail)
    mark = len(server.journal.events)
    (bundle / "terms.json").write_bytes(whole)
    server.journal.await_events(2, mark, event="slot_state", state="ready")
    assert server.score().status == 200


def test_a_file_that_was_touched_is_checked_once_and_whole(server: Server, bundle: Path) -> None:
    """After a crash it takes the checksums to know that a file with a new time of modification is the same."""
    os.utime(bundle / VECTORS)
    os.kill(server.status()["slots"][0]["pid"], signal.SIGBUS)

    server.journal.await_events(event="bundle_damaged", file=VECTORS)
    mark = len(server.journal.events)
    server.journal.await_events(event="bundle_restored")
    server.journal.await_events(1, mark, event="slot_state", state="ready")

    assert server.score().status == 200


def test_a_request_that_ends_workers_by_sigbus_is_to_blame_while_the_bundle_is_whole(bundle: Path) -> None:
    """Only damage to the bundle excuses it."""
    with running_server(bundle) as server:
        server.journal.await_events(event="slot_state", state="ready")
        codes = [server.score(b"kill_self SIGBUS").code for _ in range(2)]

    assert codes == ["worker_crashed", "poison_request"]


def test_a_server_under_damage_stops_on_sigterm(server: Server, bundle: Path) -> None:
    """Slots that wait for a repair do not hold it up."""
    os.truncate(bundle / VECTORS, 12)
    assert server.score().code == "no_workers"

    assert server.stop() == 0
