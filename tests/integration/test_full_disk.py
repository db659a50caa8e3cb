"""Jobs on a disk that is really full: a small file system of their own, which a file beside them fills."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.support.jobs import JobsClient, corpus, texts
from tests.support.server import running_server
from tests.torture.jobs import kill

TEXTS = texts(300)

DISK_BYTES = 24 * 1024 * 1024

# A page of the file system: less room than that is none.
PAGE_BYTES = 4096


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of its own; yield its folder."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(path: Path) -> None:
    """Write a file until the disk has no page left."""
    with path.open("wb", buffering=0) as file:
        for size in (256 * PAGE_BYTES, PAGE_BYTES):
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass


def test_jobs_wait_for_room_on_a_full_disk(demo_bundle: Path, disk: Path) -> None:
    """They say so, requests are served meanwhile, and nothing is lost, also by a restart on the full disk."""
    serving = partial(
        running_server, demo_bundle, scripted=False, state_dir=disk, workers=1, state_reserve_bytes=0
    )
    filler = disk / "filler"
    with serving() as server:
        client = JobsClient(server)
        place = client.submit(corpus(TEXTS * 20), "similarity=none")
        fill(filler)
        paused = client.await_state(place, "paused")
        refused = client.post(b'{"text": "storm"}')
        server.await_ready()
        scored = server.score()
        kill(server)
    with serving() as server:
        client = JobsClient(server)
        still = client.await_state(place, "paused")
        filler.unlink()
        documents = client.await_result(place)
        job = client.get(place)

    assert (refused.status, refused.code, scored.status) == (507, "insufficient_storage", 200)
    assert "goes on by itself" in paused["error"]
    assert "goes on by itself" in still["error"]
    assert [document["id"] for document in documents] == [f"d{number}" for number in range(len(TEXTS) * 20)]
    assert (job["begun"], job["steps"]["done"]) == (1, job["steps"]["total"])
