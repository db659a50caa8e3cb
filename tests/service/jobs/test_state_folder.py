"""The folder of `state_dir` belongs to one server, and says when its disk is full."""

import errno
import os
from pathlib import Path

import pytest

from service.errors import StartError
from service.jobs.errors import StorageError
from service.jobs.state_folder import StateFolder, reported, size_of, sync_tree


def test_one_server_has_it_at_a_time(tmp_path: Path) -> None:
    """Another is refused, and told which process has it, until it is left."""
    folder = StateFolder(tmp_path / "state")

    with pytest.raises(StartError, match=rf"used by another server \(process {os.getpid()}\)"):
        StateFolder(tmp_path / "state")

    folder.close()
    StateFolder(tmp_path / "state").close()


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    """In one sentence."""
    (tmp_path / "file").touch()

    with pytest.raises(StartError, match=r"^state_dir: .* cannot be used: "):
        StateFolder(tmp_path / "file")


def test_others_on_the_machine_see_nothing(tmp_path: Path) -> None:
    """Corpora are clients' texts."""
    folder = StateFolder(tmp_path / "state")

    assert {path.stat().st_mode & 0o077 for path in (folder.path, folder.jobs, folder.spool)} == {0}
    folder.close()


def test_the_reserve_is_left_free(tmp_path: Path) -> None:
    """There is no room where less than that would be left."""
    roomy, full = StateFolder(tmp_path / "a"), StateFolder(tmp_path / "b", 2**60)

    roomy.check_room()
    with pytest.raises(StorageError) as caught:
        full.check_room()

    assert caught.value.full
    for folder in (roomy, full):
        folder.close()


def test_a_removed_job_is_gone_with_its_files(tmp_path: Path) -> None:
    """Removing it once more does nothing."""
    folder = StateFolder(tmp_path)
    (folder.job("a") / "below").mkdir(parents=True)
    (folder.job("a") / "below" / "file").write_bytes(bytes(5000))
    sync_tree(folder.job("a"))
    size = size_of(folder.job("a"))

    folder.remove("a")
    folder.remove("a")

    assert size >= 5000
    assert (folder.names(), list((tmp_path / "removed").iterdir())) == ([], [])
    folder.close()


def test_what_a_server_has_left_half_done_is_cleaned(tmp_path: Path) -> None:
    """Corpora that were being received, and folders that were being deleted."""
    folder = StateFolder(tmp_path)
    (folder.spool / "half").touch()
    (tmp_path / "removed" / "old").mkdir()

    folder.clean()

    assert [*folder.spool.iterdir(), *(tmp_path / "removed").iterdir()] == []
    folder.close()


@pytest.mark.parametrize(("number", "full"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EIO, False)])
def test_faults_of_the_disk_are_told_apart(number: int, *, full: bool) -> None:
    """One that is full is waited for; the path in the message is the file's name alone."""
    with pytest.raises(StorageError, match="state_dir: segment: ") as caught, reported():
        raise OSError(number, os.strerror(number), "/srv/state/jobs/a/segment")

    assert caught.value.full is full
    assert "/srv" not in str(caught.value)
