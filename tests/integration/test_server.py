"""How the server process starts and stops, and with which exit status."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.imports import modules_loaded_by
from tests.support.server import DOCUMENTS, running_server
from tests.support.tokens import SECRET

GET = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"


def mapped_packages(pid: int) -> set[str]:
    """Return the installed packages whose libraries a process has mapped."""
    return set(re.findall(r"/site-packages/(\w+)/", Path(f"/proc/{pid}/maps").read_text()))


def test_a_running_request_is_answered_after_sigterm(demo_bundle: Path) -> None:
    """The server answers it before it exits with status 0."""
    with (
        running_server(demo_bundle) as server,
        socket.create_connection(server.address, timeout=30) as client,
    ):
        server.await_ready()
        client.sendall(server.score_request(b"sleep 1.5"))
        server.busy_worker()
        server.process.send_signal(signal.SIGTERM)

        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        assert server.process.wait(30) == 0


def test_a_drain_is_announced(demo_bundle: Path) -> None:
    """During the delay the server is not ready but serves; then it refuses requests and closes connections."""
    with (
        running_server(demo_bundle, drain_delay_s=1) as server,
        socket.create_connection(server.address, timeout=30) as kept,
        socket.create_connection(server.address, timeout=30) as busy,
    ):
        server.await_ready()
        kept.sendall(GET)
        assert kept.recv(1000).startswith(b"HTTP/1.1 200")
        busy.sendall(server.score_request(b"sleep 3"))
        server.process.send_signal(signal.SIGTERM)
        server.journal.await_events(event="drain_started")

        assert server.request("GET", "/readyz").status == 503
        assert server.score().status == 200
        server.journal.await_events(event="accepting_ended")
        kept.sendall(server.score_request(DOCUMENTS))
        answer = kept.recv(2000)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b'"code":"draining"' in answer
        assert b"connection: close" in answer
        assert busy.recv(1000).startswith(b"HTTP/1.1 200")
        assert server.process.wait(30) == 0


def test_stalled_clients_do_not_delay_the_exit(demo_bundle: Path) -> None:
    """One sent half a head, one half a body, one does not read its answer, and one sent nothing."""
    with running_server(demo_bundle, drain_timeout_s=1) as server:
        server.await_ready()
        clients = [socket.create_connection(server.address, timeout=30) for _ in range(4)]
        clients[0].sendall(GET[:10])
        clients[1].sendall(server.score_request(DOCUMENTS)[:-5])
        clients[2].sendall(server.score_request(b"answer_of 50000000"))
        assert select.select([clients[2]], [], [], 30)[0]

        assert server.stop() == 0
        assert not server.journal.find(level="error")
        [stalled] = server.journal.find(event="request", code="draining")
        assert stalled["status"] == 503
        assert clients[1].recv(2000).startswith(b"HTTP/1.1 503 ")
        for client in clients:
            client.close()


def test_a_second_interrupt_ends_the_drain(demo_bundle: Path) -> None:
    """The server exits although a request runs, and no worker is left."""
    with (
        running_server(demo_bundle, drain_timeout_s=60) as server,
        socket.create_connection(server.address) as client,
    ):
        server.await_ready()
        client.sendall(server.score_request(b"sleep 60"))
        workers = [slot["pid"] for slot in server.status()["slots"]]
        server.process.send_signal(signal.SIGINT)
        server.journal.await_events(event="drain_started")
        server.process.send_signal(signal.SIGINT)

        assert server.process.wait(30) == 0
        for pid in workers:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


def refused(*arguments: str) -> str:
    """Return the error of `scorepool serve`, which must fail with exit status 2 and no traceback."""
    command = [sys.executable, "-m", "service", "serve", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr.strip()


def test_a_port_in_use_is_an_error(demo_bundle: Path) -> None:
    """The message names the address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        message = refused("--bundle", str(demo_bundle), "--jwt-secret", SECRET, "--port", str(port))

    assert f"127.0.0.1:{port}" in message
    assert "in use" in message


def test_a_key_file_without_a_key_is_an_error(demo_bundle: Path, tmp_path: Path) -> None:
    """The message names the file."""
    path = tmp_path / "key.pem"
    path.write_text("nothing")

    assert str(path) in refused("--bundle", str(demo_bundle), "--jwt-public-key-file", str(path))


def test_the_server_process_loads_no_scoring_library() -> None:
    """Only the workers need them."""
    assert not {"gensim", "icu4py", "sklearn", "scipy"} & modules_loaded_by("import service.server")


def test_a_text_of_any_script_loads_nothing_more(demo_bundle: Path) -> None:
    """A new worker has ICU from the fork server, and the server's process, which estimates costs, never has it."""
    body = json.dumps({"documents": ["ภาษาไทยน้ำท่วม", "日本語の文章", "हिन्दी में"]}, ensure_ascii=False).encode()
    with running_server(demo_bundle, scripted=False, workers=1) as server:
        server.await_ready()
        worker = server.status()["slots"][0]["pid"]
        inherited = mapped_packages(worker)

        assert server.score(body).status == 200
        assert "icu4py" in inherited
        assert mapped_packages(worker) == inherited
        assert not {"gensim", "icu4py", "scipy", "sklearn"} & mapped_packages(server.process.pid)


@pytest.mark.parametrize(("neighbours", "status"), [(5, 200), (100, 422)])
def test_an_answer_that_is_too_large_is_no_fault_of_the_number_of_documents(
    demo_bundle: Path, neighbours: int, status: int
) -> None:
    """JSON writes a control character with six bytes: the longest ids make the longest answers."""
    documents = [{"id": f"{number:\x01>256}", "text": f"harbour storms {number}"} for number in range(1_000)]
    body = json.dumps({"documents": documents, "neighbours": neighbours}).encode()
    with running_server(demo_bundle, scripted=False, workers=1) as server:
        server.await_ready()

        reply = server.score(body)

        assert reply.status == status
        if status == 200:
            assert [one["id"] for one in json.loads(reply.body)["documents"]] == [
                one["id"] for one in documents
            ]
        else:
            assert reply.code == "invalid_option"
            assert "fewer neighbours" in json.loads(reply.body)["detail"]


@pytest.mark.parametrize(("mib", "sufficient"), [(512, True), (200, False)])
def test_the_log_says_whether_the_memory_is_enough(demo_bundle: Path, mib: int, sufficient: bool) -> None:
    """One line at the start, a warning where the budgets together are more than there is."""
    with running_server(demo_bundle, memory_bytes=mib << 20, workers=2) as server:
        [said] = server.journal.await_events(event="memory")

        assert said["level"] == ("info" if sufficient else "warning")
        assert said["sufficient"] == sufficient == (said["needed_bytes"] <= said["limit_bytes"])
