"""A key set is fetched within limits on time and size, from correct and from faulty servers."""

import asyncio
import logging
import ssl
import subprocess
from pathlib import Path

import pytest

from service.auth.jwks import FetchError
from service.auth.key_fetch import MAX_BYTES, KeyFetcher
from tests.support.event_loop import run
from tests.support.imports import modules_loaded_by
from tests.support.key_server import Answer, answering, key_server

DOCUMENT = b'{"keys": []}'

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the proxies of the environment that runs the tests."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def sending(*pieces: bytes, pause: float = 0.0) -> Answer:
    """Return an answer that sends raw pieces, with a pause after each, and closes."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return answer


async def stalling(writer: asyncio.StreamWriter) -> None:
    """Send nothing until the client disconnects."""
    while not writer.is_closing():
        writer.write(b"")
        await asyncio.sleep(0.01)


async def flooding(writer: asyncio.StreamWriter) -> None:
    """Send headers without end."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X: " + b"x" * 1_000 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize(
    "answer",
    [
        answering(DOCUMENT),
        sending(b"HTTP/1.1 200 OK\r\n\r\n" + DOCUMENT),
        sending(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"c\r\n" + DOCUMENT, b"\r\n0\r\n\r\n"
        ),
        sending(*[bytes([byte]) for byte in b"HTTP/1.0 200 OK\r\n\r\n" + DOCUMENT]),
        answering(DOCUMENT + b" " * (MAX_BYTES - len(DOCUMENT))),
    ],
)
def test_a_document_is_fetched_in_every_framing(answer: Answer) -> None:
    """The document may be chunked, end with the connection, or arrive one byte at a time."""

    async def scenario() -> None:
        async with key_server(answer) as issuer:
            assert (await KeyFetcher()(issuer.url)).strip() == DOCUMENT

    run(scenario())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answering(b"", "302 Found", "Location: http://127.0.0.1:1/"), "status 302"),
        (answering(DOCUMENT, "500 Internal Server Error"), "status 500"),
        (answering(DOCUMENT, "404 Not Found"), "status 404"),
        (answering(b"", "204 No Content"), "status 204"),
        (answering(b"x" * (MAX_BYTES + 1)), "more than"),
        (answering(b"x" * 10_000_000), "more than"),
        (sending(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), "talking"),
        (sending(b"HTTP/1.1 200 OK\r\nContent-Le"), "talking"),
        (sending(), "talking"),
        (sending(b"SSH-2.0-OpenSSH_9.2\r\n"), "talking"),
        (sending(b"\x00" * 100_000), "talking"),
        (flooding, "talking"),
        (stalling, "no complete answer"),
        (sending(b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 1_000, pause=0.02), "no complete answer"),
        (sending(b"HTTP/1.1 200 OK\r\n\r\n", *[b" "] * 1_000, pause=0.02), "no complete answer"),
    ],
)
def test_a_failed_fetch_has_a_reason(answer: Answer, reason: str) -> None:
    """It fails within the deadline and after one request; no redirect is followed."""

    async def scenario() -> None:
        async with key_server(answer) as issuer:
            with pytest.raises(FetchError) as caught:
                await KeyFetcher(0.3)(issuer.url)
            assert reason in str(caught.value)
            assert issuer.n_requests == 1

    run(scenario())


def test_a_closed_port_is_an_error() -> None:
    """It raises `FetchError`."""

    async def scenario() -> None:
        with pytest.raises(FetchError):
            await KeyFetcher()("http://127.0.0.1:1/keys")

    run(scenario())


def test_an_untrusted_certificate_is_an_error(tmp_path: Path) -> None:
    """TLS is verified, and the reason names the verification."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-days", "1", "-keyout", str(key), "-out", str(certificate)]
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run([*request, *subject], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's side of the refusal
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(FetchError) as caught:
            await KeyFetcher()(f"https://localhost:{port}/keys")
        server.close()
        assert "SSLCertVerificationError" in str(caught.value)

    run(scenario())


def test_a_proxy_is_used_for_tls_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain HTTP is allowed for addresses of this machine only; such a request must not leave the machine."""
    asked = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.close()

    async def scenario() -> None:
        server = await asyncio.start_server(proxy, "127.0.0.1", 0)
        for name in PROXIES[:3]:
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(FetchError):
            await KeyFetcher()("https://issuer.example/keys")
        async with key_server(answering(DOCUMENT)) as issuer:
            assert await KeyFetcher()(issuer.url) == DOCUMENT
        server.close()

    run(scenario())
    assert asked == [b"CONNECT issuer.example:443 HTTP/1.1\r\n"]


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "gopher://127.0.0.1:1", "http://[", "127.0.0.1:1"])
def test_an_invalid_proxy_is_an_error(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """An invalid proxy in the environment raises `FetchError`, which the service survives."""
    monkeypatch.setenv("https_proxy", proxy)

    async def scenario() -> None:
        with pytest.raises(FetchError):
            await KeyFetcher()("https://issuer.example/keys")

    run(scenario())


def test_a_fetch_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The HTTP library would log a line with the address."""

    async def scenario() -> None:
        async with key_server(answering(DOCUMENT)) as issuer:
            await KeyFetcher()(issuer.url)

    with caplog.at_level(logging.DEBUG):
        run(scenario())

    assert not [record for record in caplog.records if record.name.startswith("http")]


def test_a_service_without_a_key_server_does_not_load_the_client() -> None:
    """The import of the client would add 0.1 s to every start."""
    assert not {"httpx", "httpcore"} & modules_loaded_by("import service.server, service.app")
