"""Requests that two parsers may read differently, each with a request hidden in it and a marked one behind it.

    attack ── hidden ── marked        on one connection; a parser that ends the attack's body early would serve `hidden`

Every request has its own `X-Request-ID`, which the service repeats in its answer and its log.
"""

import socket
from typing import NamedTuple

# Longer than the service and a proxy take to answer what is complete.
SILENCE_S = 1.0

# What becomes of the connection when the service reads it: nothing of an attack is answered but with a refusal, or the
# attack and the marked request are, or the attack alone and what follows is refused.
REFUSED = "refused"
SERVED = "served"
SERVED_THEN_REFUSED = "served, then refused"


class Attack(NamedTuple):
    """A request whose framing is `fields` and `body`; `HIDDEN` in it is replaced by the hidden request."""

    name: str
    fields: str
    body: str
    outcome: str = REFUSED
    line: str = "POST {prefix}/score HTTP/1.1"
    host: str = "Host: a\r\n"


HIDDEN = "HIDDEN"
CHUNKED = "Transfer-Encoding: chunked\r\n"
LENGTH = "Content-Length: {length}\r\n"
END = "0\r\n\r\n"

# A body that ends at once for who reads chunks, and has the hidden request in it for who reads the length.
BOTH = END + HIDDEN


def _coding(name: str, value: str, outcome: str = REFUSED) -> Attack:
    """Return a length beside a field that some take for `Transfer-Encoding: chunked`."""
    return Attack(name, LENGTH + value + "\r\n", BOTH, outcome)


def _length(name: str, value: str, outcome: str = REFUSED) -> Attack:
    return Attack(name, value + "\r\n", "hello" + HIDDEN, outcome)


def _chunks(name: str, body: str, outcome: str = REFUSED) -> Attack:
    return Attack(name, CHUNKED, body, outcome)


ATTACKS = (
    Attack("length and chunks", LENGTH + CHUNKED, BOTH),
    Attack("chunks and length", CHUNKED + LENGTH, BOTH),
    Attack("chunks and length 0", CHUNKED + "Content-Length: 0\r\n", BOTH),
    Attack("chunks twice", CHUNKED * 2, BOTH),
    Attack(
        "chunks in HTTP/1.0",
        CHUNKED + "Connection: keep-alive\r\n",
        BOTH,
        line="POST {prefix}/score HTTP/1.0",
    ),
    _coding("coding: xchunked", "Transfer-Encoding: xchunked"),
    _coding("coding: identity", "Transfer-Encoding: identity"),
    _coding("coding: chunked, identity", "Transfer-Encoding: chunked, identity"),
    _coding("coding: identity, chunked", "Transfer-Encoding: identity, chunked"),
    _coding("coding: gzip, chunked", "Transfer-Encoding: gzip, chunked"),
    _coding("coding: quoted", 'Transfer-Encoding: "chunked"'),
    _coding("coding: with a parameter", "Transfer-Encoding: chunked;q=1"),
    _coding("coding: empty", "Transfer-Encoding:"),
    _coding("coding: vertical tab", "Transfer-Encoding: \x0bchunked"),
    _coding("coding: null byte", "Transfer-Encoding: chunked\x00"),
    _coding("coding: space before the colon", "Transfer-Encoding : chunked"),
    _coding("coding: tab before the colon", "Transfer-Encoding\t: chunked"),
    _coding("coding: space before the name", " Transfer-Encoding: chunked"),
    _coding("coding: folded", "Transfer-Encoding:\r\n chunked"),
    _coding("coding: behind a bare LF", "X: y\nTransfer-Encoding: chunked"),
    _coding("coding: behind a bare CR", "X: y\rTransfer-Encoding: chunked"),
    _coding("coding: null byte in the name", "Transfer-Encoding\x00: chunked"),
    _coding("coding: with an underscore", "Transfer_Encoding: chunked", SERVED),
    Attack("coding: in capitals", "TRANSFER-ENCODING: CHUNKED\r\n", "5\r\nhello\r\n" + END, SERVED),
    Attack("coding: behind a tab", "Transfer-Encoding:\tchunked\r\n", "5\r\nhello\r\n" + END, SERVED),
    _length("two lengths", "Content-Length: 5\r\nContent-Length: {length}"),
    _length("two equal lengths", "Content-Length: {length}\r\nContent-Length: {length}"),
    _length("a list of lengths", "Content-Length: 5, {length}"),
    _length("length: +5", "Content-Length: +5"),
    _length("length: -5", "Content-Length: -5"),
    _length("length: 0x5", "Content-Length: 0x5"),
    _length("length: 5_0", "Content-Length: 5_0"),
    _length("length: 5 0", "Content-Length: 5 0"),
    _length("length: 5.0", "Content-Length: 5.0"),
    _length("length: of 20 digits", "Content-Length: 18446744073709551621"),
    _length("length: Arabic digit", "Content-Length: \u0665"),
    _length("length: empty", "Content-Length:"),
    _length("length: space before the colon", "Content-Length : 5"),
    _length("length: folded", "Content-Length:\r\n 5"),
    _length("length: behind a bare LF", "X: y\nContent-Length: 5"),
    Attack("the hidden request is the body", LENGTH, HIDDEN, SERVED),
    Attack("GET with a body", LENGTH, HIDDEN, SERVED, line="GET {prefix}/livez HTTP/1.1"),
    Attack(
        "garbage behind the body", "Content-Length: 5\r\n", "hello\x00garbage\r\n\r\n", SERVED_THEN_REFUSED
    ),
    _chunks("chunk with an extension", "5;a=b\r\nhello\r\n" + END, SERVED),
    _chunks("chunk with a bare LF in its extension", "5;a\nhello\r\n" + END + HIDDEN),
    _chunks("chunk size with a bare LF", "5\nhello\n0\n\n" + HIDDEN),
    _chunks("chunk size with a bare CR", "5\rhello\r0\r\r" + HIDDEN),
    _chunks("chunk size of 17 digits", "10000000000000005\r\nhello\r\n" + END + HIDDEN),
    _chunks("chunk size: -5", "-5\r\nhello\r\n" + END + HIDDEN),
    _chunks("chunk size: +5", "+5\r\nhello\r\n" + END + HIDDEN),
    _chunks("chunk size: 0x5", "0x5\r\nhello\r\n" + END + HIDDEN),
    _chunks("chunk size: 0_5", "0_5\r\nhello\r\n" + END + HIDDEN),
    _chunks("chunk size: behind a space", " 5\r\nhello\r\n" + END + HIDDEN),
    _chunks("chunk size: empty", "\r\nhello\r\n" + END + HIDDEN),
    _chunks("chunk longer than its size", "3\r\nhello\r\n" + END + HIDDEN),
    _chunks("chunk without its line break", "5\r\nhello0\r\n\r\n" + HIDDEN),
    _chunks("trailer fields", "5\r\nhello\r\n0\r\nX: y\r\nContent-Length: 50\r\n\r\n", SERVED),
    _chunks("trailer that is a request", "5\r\nhello\r\n0\r\n" + HIDDEN),
    _chunks("trailer with a bare LF", "5\r\nhello\r\n0\r\nX: y\n\r\n" + HIDDEN),
    Attack("folded field", LENGTH + "X: y\r\n z\r\n", HIDDEN),
    Attack("no Host", LENGTH, HIDDEN, host=""),
    Attack("two Hosts", LENGTH, HIDDEN, host="Host: a\r\nHost: b\r\n"),
    Attack("target of another host", LENGTH, HIDDEN, SERVED, line="POST http://b{prefix}/score HTTP/1.1"),
    Attack("two spaces in the request line", LENGTH, HIDDEN, line="POST  {prefix}/score HTTP/1.1"),
    Attack("space in the target", LENGTH, HIDDEN, line="POST {prefix}/score x HTTP/1.1"),
    Attack("HTTP/1.2", LENGTH, HIDDEN, line="POST {prefix}/score HTTP/1.2"),
    Attack("HTTP/0.9", "", "", line="GET {prefix}/livez", host=""),
    Attack(
        "an offer of h2c",
        LENGTH
        + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        HIDDEN,
        SERVED,
    ),
    Attack("an offer of WebSocket", LENGTH + "Connection: Upgrade\r\nUpgrade: websocket\r\n", HIDDEN, SERVED),
)


class Target(NamedTuple):
    """Where requests go: an address, the prefix of paths, and the header lines of a valid request."""

    address: tuple[str, int]
    prefix: str
    header_lines: str


class Answer(NamedTuple):
    """The status of an answer, and whose it is: empty where no part of the service wrote it."""

    status: int
    request_id: str


def request(target: Target, request_id: str) -> str:
    """Return a request that is answered with 200."""
    return f"GET {target.prefix}/livez HTTP/1.1\r\nHost: a\r\nX-Request-ID: {request_id}\r\n\r\n"


def send(attack: Attack, target: Target, number: int) -> tuple[list[Answer], bool]:
    """Send an attack with a marked request behind it; return the answers, and whether the connection was closed."""
    hidden = request(target, f"hidden-{number}")
    body = attack.body.replace(HIDDEN, hidden)
    line = attack.line.format(prefix=target.prefix)
    fields = attack.fields.format(length=len(body.encode()))
    own = f"X-Request-ID: attack-{number}\r\n{target.header_lines}"
    head = f"{line}\r\n{attack.host}{own}{fields}\r\n"
    marked = request(target, f"marked-{number}")
    with socket.create_connection(target.address) as client:
        client.settimeout(SILENCE_S)
        client.sendall((head + body + marked).encode())
        return read_answers(client, f"marked-{number}")


def read_answers(client: socket.socket, last: str) -> tuple[list[Answer], bool]:
    """Read answers until that of a request id, the end of the connection, or silence."""
    received, answers = b"", list[Answer]()
    while not answers or answers[-1].request_id != last:
        try:
            data = client.recv(65536)
        except TimeoutError:
            return answers, False
        except ConnectionError:
            return answers, True
        if not data:
            return answers, True
        received += data
        while (taken := take_answer(received)) is not None:
            answer, received = taken
            answers.append(answer)
    return answers, False


def take_answer(received: bytes) -> tuple[Answer, bytes] | None:
    """Return the first answer, and what follows it; None while it is not complete."""
    head, end, rest = received.partition(b"\r\n\r\n")
    if not end:
        return None
    line, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in lines)}
    length = int(fields.get("content-length", 0))
    if len(rest) < length:
        return None
    status = int(line.split()[1])
    if status == 100:
        return take_answer(rest)
    return Answer(status, fields.get("x-request-id", "")), rest[length:]


def outcome_of(answers: list[Answer], number: int, *, closed: bool) -> str:
    """Return what became of an attack sent to the service itself; anything but the three outcomes is wrong."""
    ids = [answer.request_id for answer in answers]
    if ids == [f"attack-{number}", f"marked-{number}"] and answers[-1].status == 200:
        return SERVED
    refused = closed and answers and answers[-1].status in {400, 431}
    if refused and len(answers) == 1:
        return REFUSED
    if refused and len(answers) == 2 and ids[0] == f"attack-{number}":
        return SERVED_THEN_REFUSED
    return f"{[tuple(answer) for answer in answers]}{', closed' if closed else ''}"
