"""Environments that a server must get along with, each a started server and a verdict."""

import json
import os
import pty
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import psutil

from service.cli.issue_token import TokenClaims, sign_token
from tests.programs.real_clients.checks import Check, Missing, expect
from tests.programs.real_clients.clients import LARGE_DOCUMENTS
from tests.support.proxies import await_answer, free_port
from tests.support.server import DOCUMENTS, TIMEOUT_S, Server, running_server
from tests.support.steady_requests import SteadyRequests
from tests.support.tokens import SECRET

CGROUPS = Path("/sys/fs/cgroup")

MIB = 1024 * 1024

IDLE, SLOW, SLOW_S = 2_000, 500, 15

# Escape, the 8-bit form of its sequences, an override of direction, an isolate, delete, and a line break.
NASTY = "ann\x1b[2J\x9b31m\u202egnp\u2066\x7f\r\nforged"

# The promise: no process of the service is alive so many seconds after the server's end.
ORPHANS_S = 2.0

# Seconds after the start of the process at which SIGINT comes.
INTERRUPTS = (0.02, 0.1, 0.3, 0.6, 0.9, 1.2, 1.6, 2.0, 3.0)


def environment_checks(bundle: Path) -> Iterator[Check]:
    """Yield a check for each environment."""
    yield Check("the log's reader has gone", partial(reader_gone, bundle))
    yield Check("64 open files", partial(few_files, bundle), ("sh",))
    yield Check(f"{IDLE:,} idle connections", partial(idle_connections, bundle))
    yield Check(f"{SLOW} clients of 1 byte a second", partial(slow_clients, bundle))
    yield Check("256 MB of memory and half a CPU", partial(small_group, bundle), ("sh",))
    yield Check("64 MB of /dev/shm", partial(small_shm, bundle), ("unshare", "mount"))
    yield Check("SIGTERM twice", partial(terminated_twice, bundle))
    yield Check("SIGINT during the start", partial(interrupted, bundle))
    for form in ("console", "json"):
        yield Check(f"a terminal as the log ({form})", partial(terminal, bundle, form))
    yield Check("IPv4 and IPv6 with --host ::", partial(both_versions, bundle, ("::",)))
    yield Check("IPv4 and IPv6 with two hosts", partial(both_versions, bundle, ("127.0.0.1", "::1")))


def working(server: Server, times: int = 20) -> float:
    """Have documents scored; return the slowest answer's milliseconds."""
    slowest = 0.0
    for _ in range(times):
        begin = time.monotonic()
        expect(server.score().status, 200, "status of /score")
        slowest = max(slowest, time.monotonic() - begin)
    return slowest * 1e3


def command(bundle: Path, port: int, *options: str) -> tuple[list[str], dict[str, str]]:
    """Return the command that runs the service as users do, and its environment."""
    line = [sys.executable, "-m", "service", "serve", "--bundle", str(bundle), "--port", str(port)]
    return [*line, "--workers", "2", *options], {**os.environ, "SCOREPOOL_JWT_SECRET": SECRET}


def score(port: int, subject: str = "ann") -> int:
    """Send one request to a server on this port; return the status, 0 if there is none."""
    token = sign_token(SECRET, TokenClaims(subject))
    head = f"POST /score HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {len(DOCUMENTS)}\r\n"
    fields = f"Content-Type: application/json\r\nAuthorization: Bearer {token}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as client:
        client.sendall((head + fields).encode() + DOCUMENTS)
        answer = client.makefile("rb").read()
    return int(answer.split()[1]) if answer else 0


def reader_gone(bundle: Path) -> str:
    """Run `serve 2>&1 | head -1`."""
    port = free_port()
    line, environment = command(bundle, port)
    with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            process.stdout.close()
            await_answer(f"http://127.0.0.1:{port}/readyz")
            expect([score(port) for _ in range(50)], [200] * 50, "statuses")
            process.send_signal(signal.SIGTERM)
            expect(process.wait(TIMEOUT_S), 0, "exit status")
        finally:
            process.kill()
    return "50 requests answered, exit status 0"


def few_files(bundle: Path) -> str:
    """Keep serving while clients hold more connections than the server may have files."""
    limited = ("sh", "-c", 'ulimit -n 64; exec "$@"', "sh")
    with running_server(bundle, prefix=limited) as server, ExitStack() as stack:
        ready(server)
        for _ in range(60):
            stack.enter_context(socket.create_connection(server.address, TIMEOUT_S))
        slowest = working(server)
        expect(server.journal.find(level="error"), [], "errors in the log")
        expect(server.stop(), 0, "exit status")
    return f"60 idle connections, slowest answer {slowest:.0f} ms"


def ready(server: Server) -> None:
    """Wait until both workers are."""
    server.journal.await_events(2, event="slot_state", state="ready")


def idle_connections(bundle: Path) -> str:
    """Open them all, and ask beside them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with running_server(bundle) as server, ExitStack() as stack:
        ready(server)
        before = psutil.Process(server.process.pid).memory_info().rss
        clients = [
            stack.enter_context(socket.create_connection(server.address, TIMEOUT_S)) for _ in range(IDLE)
        ]
        slowest = working(server)
        grown = psutil.Process(server.process.pid).memory_info().rss - before
        closed = len(select_all(clients))
        expect(closed, 0, "idle connections that were closed")
    return f"slowest answer {slowest:.0f} ms, {grown / IDLE / 1024:.0f} KiB a connection"


def select_all(clients: list[socket.socket]) -> list[int]:
    """Return the connections on which there is something to read, or that have ended."""
    poll = select.poll()
    for client in clients:
        poll.register(client, select.POLLIN)
    return [number for number, _ in poll.poll(0)]


def slow_clients(bundle: Path) -> str:
    """Half of them are slow with the head, half with the body; a normal client asks beside them."""
    with running_server(bundle, header_timeout_s=5, body_timeout_s=5) as server, ExitStack() as stack:
        ready(server)
        fields = "".join(f"{name}: {value}\r\n" for name, value in server.headers.items())
        head = f"POST /score HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n{fields}\r\n".encode()
        clients = [
            stack.enter_context(socket.create_connection(server.address, TIMEOUT_S)) for _ in range(SLOW)
        ]
        for client in clients[::2]:
            client.sendall(head)
        with SteadyRequests(server.url, server.headers, 0.05).running(1) as load:
            for second in range(SLOW_S):
                for client in clients:
                    with suppress(OSError):
                        client.sendall(head[second : second + 1])
                time.sleep(1)
        expect(set(load.answers), {"200"}, f"answers {dict(load.answers)}")
        ended = len(select_all(clients))
        expect(ended, SLOW, "slow clients that were ended")
    return f"{load.answers['200']} answers beside them, slowest {load.slowest_s * 1e3:.0f} ms"


@contextmanager
def group(memory_bytes: int, cpus: float) -> Iterator[list[Path]]:
    """Make control groups with these limits; return the files that take the processes in them."""
    name = f"scorepool-{os.getpid()}"
    made: list[Path] = []
    try:
        if (CGROUPS / "cgroup.controllers").exists():
            made = [make_group(CGROUPS / name)]
            (made[0] / "memory.max").write_text(str(memory_bytes))
            (made[0] / "cpu.max").write_text(f"{int(cpus * 100_000)} 100000")
        else:
            made.append(make_group(CGROUPS / "memory" / name))
            (made[0] / "memory.limit_in_bytes").write_text(str(memory_bytes))
            made.append(make_group(CGROUPS / "cpu" / name))
            (made[1] / "cpu.cfs_quota_us").write_text(str(int(cpus * 100_000)))
        yield [each / "cgroup.procs" for each in made]
    except OSError as error:
        raise Missing(f"no control group can be made here: {error}") from error
    finally:
        for each in made:
            remove_group(each)


def make_group(path: Path) -> Path:
    """Make one control group."""
    path.mkdir()
    return path


def remove_group(path: Path) -> None:
    """Remove a control group as soon as its last process has ended."""
    for _ in range(100):
        try:
            path.rmdir()
        except OSError:
            time.sleep(0.05)
        else:
            return


def small_group(bundle: Path) -> str:
    """Score for a while, with a body of 6 MB among it."""
    text = "storm harbour gale " * 330
    large = json.dumps({"documents": [text] * LARGE_DOCUMENTS, "similarity": "none"}).encode()
    with group(256 * MIB, 0.5) as files:
        joins = "; ".join(f"echo $$ > {file}" for file in files)
        with running_server(bundle, prefix=("sh", "-c", f'{joins}; exec "$@"', "sh"), workers=1) as server:
            server.journal.await_events(event="slot_state", state="ready")
            slowest = working(server, 50)
            expect(server.score(large).status, 200, "a large body")
            expect(server.journal.find(event="slot_ended"), [], "workers that ended")
            expect(server.stop(), 0, "exit status")
    return f"1 worker, 51 requests, slowest small answer {slowest:.0f} ms"


def small_shm(bundle: Path) -> str:
    """Run with Docker's default size of it."""
    mounting = 'mount -t tmpfs -o size=64m tmpfs /dev/shm && exec "$@"'
    if subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Missing("no mount namespace can be made here")
    with running_server(bundle, prefix=("unshare", "-m", "sh", "-c", mounting, "sh"), workers=4) as server:
        server.journal.await_events(4, event="slot_state", state="ready")
        working(server)
        expect(server.score(b"answer_of 50000000").status, 200, "an answer of 50 MB")
        expect(server.stop(), 0, "exit status")
    return "4 workers; request and answer pass through memfds, which /dev/shm does not limit"


def terminated_twice(bundle: Path) -> str:
    """Send a second SIGTERM: it changes nothing, and the request in hand is answered."""
    with running_server(bundle) as server:
        ready(server)
        with server.begin(b"sleep 1") as client:
            server.busy_worker()
            server.process.send_signal(signal.SIGTERM)
            server.journal.await_events(event="drain_started")
            server.process.send_signal(signal.SIGTERM)
            answer = client.recv(1000)
        expect(answer[:12], b"HTTP/1.1 200", "answer of the request in hand")
        expect(server.process.wait(TIMEOUT_S), 0, "exit status")
    return "answered, exit status 0"


def interrupted(bundle: Path) -> str:
    """Ctrl-C at several moments of the start: it ends soon, without a traceback, and leaves no process."""
    ends = []
    for after_s in INTERRUPTS:
        line, environment = command(bundle, free_port())
        with subprocess.Popen(
            line, env=environment, stderr=subprocess.PIPE, start_new_session=True
        ) as process:
            try:
                time.sleep(after_s)
                begin = time.monotonic()
                os.killpg(process.pid, signal.SIGINT)
                _, said = process.communicate(timeout=TIMEOUT_S)
            finally:
                process.kill()
        ends.append(time.monotonic() - begin)
        # Before a line of ours runs, the interpreter itself ends with its traceback.
        if b"Traceback" in said and b"/service/" in said:
            raise AssertionError(f"a traceback after {after_s} s: {said[-300:]!r}")
        expect(left_after(ORPHANS_S, process.pid), [], f"processes left after {after_s} s")
    return f"at {len(INTERRUPTS)} moments, the slowest end {max(ends):.1f} s"


def left_after(seconds: float, session: int) -> list[int]:
    """Return the processes of a session that have not ended within the seconds."""
    end = time.monotonic() + seconds
    while left := [each.pid for each in psutil.process_iter() if in_session(each.pid, session)]:
        if time.monotonic() > end:
            break
        time.sleep(0.05)
    return left


def in_session(pid: int, session: int) -> bool:
    """Return whether a process belongs to a session and is no zombie."""
    try:
        return os.getsid(pid) == session and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.Error):
        return False


def terminal(bundle: Path, form: str) -> str:
    """Log a subject with control characters to a terminal; nothing raw reaches it but our own colours."""
    port = free_port()
    line, environment = command(bundle, port, "--log-format", form)
    ours, theirs = pty.openpty()
    with subprocess.Popen(line, env=environment, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        try:
            await_answer(f"http://127.0.0.1:{port}/readyz")
            expect(score(port, NASTY), 200, "status")
            process.send_signal(signal.SIGTERM)
            shown = read_terminal(ours)
            expect(process.wait(TIMEOUT_S), 0, "exit status")
        finally:
            process.kill()
            os.close(ours)
    expect("forged" in shown, True, "the subject in the log")
    for colour in ("\x1b[2m", "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[0m"):
        shown = shown.replace(colour, "")
    raw = sorted({character for character in shown.replace("\r\n", "") if not character.isprintable()})
    expect(raw, [], "raw characters on the terminal")
    expect([each for each in shown.splitlines() if each.startswith("forged")], [], "forged lines")
    return "escaped"


def read_terminal(fd: int) -> str:
    """Read until the other side is closed."""
    shown = b""
    with suppress(OSError):
        while piece := os.read(fd, 65_536):
            shown += piece
    return shown.decode("utf-8")


def both_versions(bundle: Path, hosts: tuple[str, ...]) -> str:
    """Ask on the loopback addresses of IPv4 and IPv6."""
    if not socket.has_dualstack_ipv6():
        raise Missing("this machine has no IPv6")
    with running_server(bundle, scripted=False, host=",".join(hosts)) as server:
        ready(server)
        port = server.address[1]
        for address in ("127.0.0.1", "[::1]"):
            await_answer(f"http://{address}:{port}/livez")
        listening = [event["address"] for event in server.journal.find(event="listening")]
        return f"{server.url}, listening on {', '.join(listening)}"
