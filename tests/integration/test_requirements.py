"""What a start needs of its surroundings: where something is missing, the server does without or says so."""

import configparser
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from service.ipc.standard_library import TESTED
from tests.support.server import running_server
from tests.support.tokens import SECRET

# linux/memfd.h
MFD_EXEC = 0x0010

SANDBOX = (sys.executable, "-m", "tests.support.seccomp")

# Runs its arguments behind a /dev/shm of which each is told apart by the option of mount.
MOUNT = ("unshare", "--mount", "sh", "-c")

privileged = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs namespaces of its own"
)


def failed_start(
    bundle: Path, *prefix: str, program: Sequence[str] = ("-m", "service"), **environment: str
) -> str:
    """Start a server with a `prefix` to its command; return the one line that it prints before it exits with 2."""
    done = subprocess.run(
        [*prefix, sys.executable, *program, "serve", "--port", "0", "--log-level", "error"],
        capture_output=True,
        env={**os.environ, "SCOREPOOL_BUNDLE": str(bundle), "SCOREPOOL_JWT_SECRET": SECRET, **environment},
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr


def scores(bundle: Path, *prefix: str, environment: dict[str, str] | None = None) -> None:
    """Start a server with a `prefix` to its command, and have it score and replace a worker."""
    with running_server(bundle, prefix=prefix, environment=environment or {}, workers=1) as server:
        server.await_ready()
        assert server.score().status == 200
        assert server.score(b"kill_self_once " + str(bundle.parent / "once").encode()).status == 200
        assert server.stop() == 0


@pytest.mark.parametrize("error", ["ENOSYS", "EPERM"])
@pytest.mark.parametrize("call", ["memfd_create", "eventfd2"])
def test_a_system_call_that_the_workers_need_is_named(demo_bundle: Path, call: str, error: str) -> None:
    """The server does not try to start workers again and again."""
    printed = failed_start(demo_bundle, *SANDBOX, f"{call}={error}")

    assert call in printed
    assert "seccomp" in printed


@pytest.mark.parametrize(
    "denied",
    [
        "pidfd_open=ENOSYS",
        "pidfd_open=EPERM",
        "pidfd_open=ENOSYS,pidfd_send_signal=ENOSYS",
        "pidfd_send_signal=EPERM",
    ],
)
def test_workers_run_and_are_replaced_without_pidfds(tmp_path: Path, demo_bundle: Path, denied: str) -> None:
    """As in gVisor and under old container runtimes."""
    shutil.copytree(demo_bundle, tmp_path / "bundle")

    scores(tmp_path / "bundle", *SANDBOX, denied)


def test_a_temporary_folder_with_a_long_path_is_no_obstacle(tmp_path: Path, demo_bundle: Path) -> None:
    """The path of a socket has at most 107 bytes; the socket is put elsewhere."""
    shutil.copytree(demo_bundle, tmp_path / "bundle")
    folder = tmp_path / ("long" * 40)
    folder.mkdir()

    scores(tmp_path / "bundle", environment={"TMPDIR": str(folder)})

    assert list(folder.iterdir()) == []


READ_ONLY = (
    "mount -o remount,bind,ro /; for d in {}; do mount --bind $d $d; mount -o remount,bind,ro $d; done"
)


@privileged
def test_memory_is_enough_to_write_to(demo_bundle: Path) -> None:
    """As in a container with a read-only root: the socket is in /dev/shm."""
    script = READ_ONLY.format("/tmp") + '; exec "$@"'

    with running_server(demo_bundle, prefix=(*MOUNT, script, "sh"), workers=1) as server:
        server.await_ready()
        assert server.score().status == 200
        assert server.stop() == 0


@privileged
def test_a_file_system_that_cannot_hold_a_socket_is_named(tmp_path: Path) -> None:
    """There is no writable folder at all."""
    code = "from service.pool.requirements import use_socket_folder; use_socket_folder()"
    script = READ_ONLY.format("/tmp /dev/shm /var/tmp /run $PWD") + '; exec "$@"'

    done = subprocess.run(
        [*MOUNT, script, "sh", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("service.errors.StartError: TMPDIR: ")


@privileged
@pytest.mark.parametrize(
    "mount",
    [
        "mount -t tmpfs -o ro none /dev/shm",
        "mount -t tmpfs none /dev && mknod /dev/urandom c 1 9 && mknod /dev/null c 1 3",
    ],
)
def test_shared_memory_that_is_read_only_or_absent_is_named(demo_bundle: Path, mount: str) -> None:
    """The C library makes semaphores there."""
    printed = failed_start(demo_bundle, *MOUNT, f'{mount} && exec "$@"', "sh")

    assert "/dev/shm" in printed
    assert "tmpfs" in printed


@privileged
def test_memory_that_could_be_executed_may_be_forbidden() -> None:
    """With vm.memfd_noexec=2, which belongs to a PID namespace, memory has to be sealed against it."""
    setting = Path("/proc/sys/vm/memfd_noexec")
    if not setting.exists():
        pytest.skip("needs Linux 6.3")
    code = (
        "from pathlib import Path; import os; from service.ipc.shared_memory import Arena\n"
        f"Path('{setting}').write_text('2')\n"
        f"try: os.memfd_create('x', os.MFD_CLOEXEC | {MFD_EXEC}); print('allowed')\n"
        "except OSError: print('forbidden')\n"
        "Arena(1, 1).close(); print('made')"
    )
    command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", code]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.split() == ["forbidden", "made"]


@pytest.mark.parametrize("closed", [["2>&-"], ["0<&-", "1>&-", "2>&-"]])
def test_closed_standard_streams_are_as_dev_null(demo_bundle: Path, closed: Sequence[str]) -> None:
    """The server runs, and nothing that it opens takes the number of a standard stream."""
    script = f'exec "$@" {" ".join(closed)}'
    command = ["sh", "-c", script, "sh", sys.executable, "-m", "service", "serve", "--port", "0"]
    environment = {**os.environ, "SCOREPOOL_BUNDLE": str(demo_bundle), "SCOREPOOL_JWT_SECRET": SECRET}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            streams = Path(f"/proc/{process.pid}/fd")
            while not listens(process.pid):
                assert process.poll() is None
            assert (streams / "2").readlink() == Path(os.devnull)
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()


def listens(pid: int) -> bool:
    """Return whether a process has a listening TCP socket."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return any(row[3] == "0A" and row[9] in inodes for row in rows)


# Starts a worker that cannot be held, as its /proc entry cannot be opened, and waits until its process is gone.
ABANDONED = """
import os, signal, sys
from multiprocessing import resource_tracker
from pathlib import Path
from service.limits import PoolLimits
from service.pool import fork_server
from service.pool.process import LaunchError, WorkerSpec, launch
from tests.fakes import ScriptedHandler

# A process that is never gone ends the script, and the test with it.
signal.alarm(60)

def others():
    return {int(path.name) for path in Path(sys.argv[1]).iterdir() if path.name.isdigit()} - {os.getpid()}

try:
    launch(WorkerSpec(ScriptedHandler, PoolLimits()), None)
except LaunchError as error:
    print(error)
while others() > {fork_server.running(), resource_tracker._resource_tracker._pid}:
    pass
"""


@privileged
def test_a_worker_that_cannot_be_held_is_not_left_behind(tmp_path: Path) -> None:
    """Each retry would leave one more."""
    script = f'mount -t proc proc {tmp_path} && umount -l /proc && exec "$@"'
    command = ["unshare", "--mount", "--pid", "--fork", "sh", "-c", script, "sh"]

    done = subprocess.run(
        [*command, sys.executable, "-c", ABANDONED, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "could not be started: FileNotFoundError" in done.stdout


# A Python whose standard library has another name for something.
RENAMED = """
import threading
from multiprocessing import forkserver, reduction, spawn, util
import service.server
from service.__main__ import main
del {name}
main()
"""


@pytest.mark.parametrize(
    "name",
    [
        "forkserver._forkserver._forkserver_pid",
        "forkserver._forkserver._forkserver_alive_fd",
        "forkserver._forkserver",
        "reduction.DupFd",
        "spawn.get_preparation_data",
        "threading._register_atexit",
        "util.get_temp_dir",
    ],
)
def test_a_name_that_a_later_python_has_not_is_told(demo_bundle: Path, name: str) -> None:
    """Nothing else would fail before the first start, or the first end, of a worker."""
    printed = failed_start(demo_bundle, program=("-c", RENAMED.format(name=name)))

    assert f"{platform.python_version()}: its standard library has no " in printed
    assert f"{name}; the workers need it; take Python {TESTED}\n" in printed


def test_the_package_names_the_pythons_that_were_tested() -> None:
    """The classifiers are the versions that a start recommends."""
    classifiers = configparser.ConfigParser()
    classifiers.read("setup.cfg")
    versions = re.findall(r":: Python :: (3\.\d+)", classifiers["metadata"]["classifiers"])

    assert f"{versions[0]} to {versions[-1]}" == TESTED
    assert classifiers["options"]["python_requires"] == f">={versions[0]}"
