"""How heads are read, and which are refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.connections.http1 import FramingError, check_partial, parse_head
from service.connections.limits import MAX_HEAD_BYTES


def head(*fields: str, line: str = "POST /score HTTP/1.1", host: str = "Host: a") -> bytes:
    """Return a head with a Host and these fields."""
    return "\r\n".join([line, *([host] if host else []), *fields, "", ""]).encode("latin-1")


def refused(raw: bytes) -> str:
    """Return the code with which a head is refused."""
    with pytest.raises(FramingError) as caught:
        parse_head(raw)
    return caught.value.code


@pytest.mark.parametrize(
    ("raw", "length"),
    [
        (head(), 0),
        (head("Content-Length: 5"), 5),
        (head("content-length:5"), 5),
        (head("Content-Length: \t 5 \t "), 5),
        (head("Content-Length: 0005"), 5),
        (head("Transfer-Encoding: chunked"), None),
        (head("TRANSFER-ENCODING: Chunked"), None),
        (head(line="GET /a?b=c%20d HTTP/1.1"), 0),
        (head(line="OPTIONS * HTTP/1.1"), 0),
        (head(line="GET / HTTP/1.0", host=""), 0),
        (head(host="Host: [::1]:8000"), 0),
        (head(host="hOsT: a.example:80"), 0),
        (head("X: \xe9\t value", "X: again", "X-Empty:"), 0),
        (head(*[f"X-{i}: {i}" for i in range(63)]), 0),
        (head("Expect: 100-continue", "Content-Length: 1"), 1),
    ],
)
def test_unambiguous_heads_are_accepted(raw: bytes, length: int | None) -> None:
    """They say how long the body is (None: it comes in chunks)."""
    assert parse_head(raw).length == length


def test_a_head_is_taken_apart() -> None:
    """Names in lower case, values without the white space around them, in the order sent, none left out."""
    raw = head(
        "X-Ä: \t a  b\t ".replace("Ä", "a"), "x-a:", "Upgrade: h2c", "B: c:d", line="PUT /a%20b?c=/d HTTP/1.1"
    )

    parsed = parse_head(raw)

    assert (parsed.method, parsed.target, parsed.version) == ("PUT", b"/a%20b?c=/d", "1.1")
    assert parsed.fields == [
        (b"host", b"a"),
        (b"x-a", b"a  b"),
        (b"x-a", b""),
        (b"upgrade", b"h2c"),
        (b"b", b"c:d"),
    ]


NAMES = st.text("abcXYZ-_.!#09", min_size=1, max_size=8).map(lambda name: f"X-{name}")
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=9)


@given(st.lists(st.tuples(NAMES, st.sampled_from(["", " ", "\t "]), VALUES), max_size=20))
def test_every_field_is_read(fields: list[tuple[str, str, str]]) -> None:
    """Any valid names and values, with any white space around these."""
    parsed = parse_head(head(*(f"{name}:{blank}{value}{blank}" for name, blank, value in fields)))

    stripped = [(name.lower().encode(), value.encode("latin-1")) for name, _, value in fields]
    assert parsed.fields[1:] == [(name, value.strip(b"\t ")) for name, value in stripped]


@pytest.mark.parametrize(
    ("fields", "version", "keeps"),
    [
        ((), "1.1", True),
        (("Connection: keep-alive",), "1.1", True),
        (("Connection: close",), "1.1", False),
        (("Connection: x, CLOSE ,y",), "1.1", False),
        (("Connection: keep-alive", "connection: close"), "1.1", False),
        (("Connection: closed", "X: close"), "1.1", True),
        ((), "1.0", False),
        (("Connection: keep-alive",), "1.0", False),
    ],
)
def test_whether_the_connection_is_kept(fields: tuple[str, ...], version: str, keeps: bool) -> None:
    """RFC 9112, 9.3; to HTTP/1.0 the connection is closed, which every client of it takes."""
    assert parse_head(head(*fields, line=f"GET / HTTP/{version}")).keep_alive is keeps


@pytest.mark.parametrize(
    ("fields", "version", "expects"),
    [
        (("Expect: 100-continue", "Content-Length: 1"), "1.1", True),
        (("Expect: 100-Continue", "Transfer-Encoding: chunked"), "1.1", True),
        (("Expect: 100-continue", "Content-Length: 0"), "1.1", False),
        (("Expect: 100-continue",), "1.1", False),
        (("Expect: 100-continue", "Content-Length: 1"), "1.0", False),
        (("Expect: other", "Content-Length: 1"), "1.1", False),
    ],
)
def test_whether_the_client_waits_before_its_body(
    fields: tuple[str, ...], version: str, expects: bool
) -> None:
    """RFC 9110, 10.1.1."""
    assert parse_head(head(*fields, line=f"POST / HTTP/{version}")).expects_continue is expects


@pytest.mark.parametrize(
    "raw",
    [
        head("Content-Length: 5", "Transfer-Encoding: chunked"),
        head("Transfer-Encoding: chunked", "Content-Length: 5"),
        head("Content-Length: 5", "Content-Length: 5"),
        head("Content-Length: 5", "content-length: 6"),
        head("Content-Length: 5, 5"),
        head("Content-Length: +5"),
        head("Content-Length: -5"),
        head("Content-Length: 0x5"),
        head("Content-Length: 5 6"),
        head("Content-Length:"),
        head("Content-Length: 5\x00"),
        head("Content-Length: " + "9" * 19),
        head("Content-Length : 5"),
        head(" Content-Length: 5"),
        head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        head("Transfer-Encoding: gzip, chunked"),
        head("Transfer-Encoding: identity"),
        head("Transfer-Encoding: xchunked"),
        head("Transfer-Encoding: \x0bchunked"),
        head("Transfer-Encoding:"),
        head("Transfer-Encoding : chunked"),
        head("Transfer-Encoding: chunked", line="POST /score HTTP/1.0"),
        head("X: a\r\n folded"),
        head("X: a\r\n\tfolded"),
        head("X: a\x00b"),
        head("X: a\rb"),
        head("X: a\nb"),
        head("X: a\x7fb"),
        head("X"),
        head(": a"),
        head("X Y: a"),
        head("X(: a"),
        head("\xe9: a"),
        head(host=""),
        head("Host: a"),
        head("Host: b"),
        head(host="Host: a, b"),
        head(host="Host: a b"),
        head(host="Host: a/b"),
        head(host="Host: user@a"),
        head(host="Host : a"),
        head(line="GET  / HTTP/1.1"),
        head(line="GET /  HTTP/1.1"),
        head(line="GET / HTTP/1.1 "),
        head(line=" GET / HTTP/1.1"),
        head(line="GET / HTTP/2.0"),
        head(line="GET / HTTP/1.2"),
        head(line="GET / HTTP/0.9"),
        head(line="GET /"),
        head(line="GET / http/1.1"),
        head(line="GET\t/\tHTTP/1.1"),
        head(line="get / HTTP/1.1"),
        head(line="G=T / HTTP/1.1"),
        head(line="GET a HTTP/1.1"),
        head(line="GET http:// HTTP/1.1"),
        head(line="GET http:/// HTTP/1.1"),
        head(line="GET http://user@a/ HTTP/1.1"),
        head(line="GET http://user:word@a/ HTTP/1.1"),
        head(line="GET http://a:123456/ HTTP/1.1"),
        head(line="GET http://a:b/ HTTP/1.1"),
        head(line="GET http://a,b/ HTTP/1.1"),
        head(line="GET http://a\\b/ HTTP/1.1"),
        head(line="GET http://[::1/ HTTP/1.1"),
        head(line="GET http://::1/ HTTP/1.1"),
        head(line="GET http://a#b HTTP/1.1"),
        head(line="GET http://a/#@b HTTP/1.1"),
        head(line="GET http://a/b c HTTP/1.1"),
        head(line="GET ftp://a/ HTTP/1.1"),
        head(line="GET //a/ HTTP/2.0"),
        head(line="GET http://a/ HTTP/1.1", host=""),
        head("Host: b", line="GET http://a/ HTTP/1.1"),
        head(line="GET http://a/ HTTP/1.1", host="Host: a b"),
        head(line="CONNECT http://a/ HTTP/1.1"),
        head("Content-Length: 5", "Content-Length: 5", line="POST http://a/ HTTP/1.1"),
        head("Content-Length: 5", "Transfer-Encoding: chunked", line="POST http://a/ HTTP/1.1"),
        head(line="GET /a#b HTTP/1.1"),
        head(line="GET /\x00 HTTP/1.1"),
        head(line="GET /\xe9 HTTP/1.1"),
        head(line="GET /a b HTTP/1.1"),
        head(line="CONNECT a:80 HTTP/1.1"),
        head(line="CONNECT / HTTP/1.1"),
        head(line="GET * HTTP/1.1"),
        head(line="PRI * HTTP/2.0"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_ambiguous_and_invalid_heads_are_refused(raw: bytes) -> None:
    """A proxy in front of the service could read them differently (RFC 9112, section 11)."""
    assert refused(raw) == "invalid_request"


@pytest.mark.parametrize(
    ("target", "path", "host"),
    [
        ("http://b/score", "/score", "b"),
        ("HTTP://b:80/score?a=b", "/score?a=b", "b:80"),
        ("https://b.example/", "/", "b.example"),
        ("http://b", "/", "b"),
        ("http://b?a", "/?a", "b"),
        ("http://b:/x", "/x", "b:"),
        ("http://[::1]:8000/x", "/x", "[::1]:8000"),
        ("http://b//x@y", "//x@y", "b"),
        ("http://b/http://c/", "/http://c/", "b"),
    ],
)
def test_an_absolute_target_is_path_and_host(target: str, path: str, host: str) -> None:
    """RFC 9112, 3.2.2: the target's authority replaces the Host that was sent, wherever that stood."""
    fields = ("X: Host: c", "hOsT:  a ", "Content-Length: 5")

    parsed = parse_head(head(*fields, line=f"POST {target} HTTP/1.1", host=""))

    rewritten = head("X: Host: c", "Content-Length: 5", line=f"POST {path} HTTP/1.1", host=f"Host: {host}")
    assert parsed == parse_head(rewritten)


def test_an_absolute_target_of_http_1_0_brings_its_host() -> None:
    """A client of HTTP/1.0 need not send the field."""
    parsed = parse_head(head(line="GET http://b/x HTTP/1.0", host=""))

    assert parsed == parse_head(head(line="GET /x HTTP/1.0", host="Host: b"))


def test_options_of_a_host_alone() -> None:
    """RFC 9112, 3.2.4: it asks about the server as a whole; with a slash, about the path `/`."""
    assert parse_head(head(line="OPTIONS http://b HTTP/1.1")).target == b"*"
    assert parse_head(head(line="OPTIONS http://b/ HTTP/1.1")).target == b"/"


TARGETS = st.one_of(
    st.text("/:?#@[]%.ab01*", max_size=20),
    st.tuples(
        st.sampled_from(["http://", "HTTPS://", "http:", "//", "ftp://", ""]),
        st.text("/:?#@[]%.ab01*", max_size=20),
    ).map("".join),
)


@given(TARGETS, st.sampled_from(["GET", "POST", "OPTIONS"]), st.sampled_from(["Host: c", "Host:", "X: y"]))
def test_no_target_stays_in_absolute_form(target: str, method: str, host: str) -> None:
    """A head is refused, or has a path and one Host, and its other fields as they were."""
    raw = head("Content-Length: 3", "X-Host: d", line=f"{method} {target} HTTP/1.1", host=host)
    try:
        parsed = parse_head(raw)
    except FramingError:
        return

    assert parsed.target[:1] in {b"/", b"*"}
    assert [name for name, _ in parsed.fields].count(b"host") == 1
    assert parsed.fields[-2:] == [(b"content-length", b"3"), (b"x-host", b"d")]


@given(
    st.from_regex(r"[a-z0-9.-]{1,12}(:[0-9]{1,5})?", fullmatch=True),
    st.from_regex(r"/[a-z/?=@:]{0,12}", fullmatch=True),
)
def test_absolute_and_origin_form_are_one_request(authority: str, path: str) -> None:
    """Any host and path: the two ways to write a request are read alike."""
    absolute = parse_head(head(line=f"GET http://{authority}{path} HTTP/1.1", host="Host: other"))

    assert absolute == parse_head(head(line=f"GET {path} HTTP/1.1", host=f"Host: {authority}"))


@pytest.mark.parametrize(
    "raw",
    [
        head(*[f"X-{i}: {i}" for i in range(64)]),
        head("X: " + "x" * MAX_HEAD_BYTES),
        head(line="GET /" + "x" * MAX_HEAD_BYTES + " HTTP/1.1"),
    ],
)
def test_heads_that_are_too_large_are_refused(raw: bytes) -> None:
    """The limits are on the bytes, with the request line, and on the number of fields."""
    assert refused(raw) == "headers_too_large"


@pytest.mark.parametrize(
    ("partial", "code"),
    [(b"GET / HTTP/1.1\n", "invalid_request"), (b"x" * (MAX_HEAD_BYTES + 1), "headers_too_large")],
)
def test_a_partial_head_that_cannot_become_valid_is_refused(partial: bytes, code: str) -> None:
    """It is refused before its end arrives."""
    with pytest.raises(FramingError) as caught:
        check_partial(partial, 0)

    assert caught.value.code == code


@pytest.mark.parametrize("partial", [b"", b"GET", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_a_partial_head_that_may_become_valid_is_accepted(partial: bytes) -> None:
    """The connection waits for the rest of it."""
    check_partial(partial, 0)
    check_partial(partial, max(0, len(partial) - 1))


# The request line as a grammar of prefixes: everything behind its first byte is optional, piece by piece.
_VERSION = rb"H(?:T(?:T(?:P(?:/(?:1(?:\.(?:[01](?:\r(?:\n[\x00-\xff]*)?)?)?)?)?)?)?)?)?"
_SCHEME = rb"[Hh](?:[Tt](?:[Tt](?:[Pp](?::/?|[Ss](?::/?)?)?)?)?)?"
PREFIX = re.compile(
    rb"\r?|[A-Z]{1,24}|OPTIONS \*(?: (?:%b)?)?"
    rb"|(?!CONNECT )[A-Z]{1,24} (?:(?:/|%b)[\x21\x22\x24-\x7e]*(?: (?:%b)?)?|%b)?"
    % (_VERSION, rb"[Hh][Tt][Tt][Pp][Ss]?://", _VERSION, _SCHEME)
)

REQUEST_LINES = st.builds(
    b"%b%b%b%b".__mod__,
    st.tuples(
        st.sampled_from(
            [b"GET", b"POST", b"OPTIONS", b"CONNECT", b"get", b"", b"A" * 24, b"A" * 25, b"\x16\x03"]
        ),
        st.sampled_from(
            [b" /", b" *", b" ", b"  /", b" http:", b" HttpS://a", b" ftp://", b"\t/", b" /\r\n"]
        ),
        st.sampled_from([b"", b"a?b=%20", b"#", b"\x7f", b"\xe9", b"x" * 300]),
        st.sampled_from(
            [b" HTTP/1.1\r\n", b" HTTP/1.0\r\nA: b", b" HTTP/2.0\r\n", b" http/1.1\r\n", b" \r\n"]
        ),
    ),
)


@given(
    st.one_of(REQUEST_LINES, st.binary(max_size=12), st.text("GEPOST /*HT1.0\r\n").map(str.encode)), st.data()
)
def test_a_partial_head_is_refused_as_soon_as_no_request_line_begins_with_it(
    raw: bytes, data: st.DataObject
) -> None:
    """It is refused exactly then, wherever it is cut and whatever was checked before."""
    partial = raw[: data.draw(st.integers(0, len(raw)))]
    since = data.draw(st.integers(0, max(0, len(partial) - 1)))
    possible = PREFIX.fullmatch(partial) is not None and not re.search(rb"(?<!\r)\n", partial)

    try:
        check_partial(partial, 0)
        if possible:
            check_partial(partial, since)
    except FramingError:
        assert not possible
    else:
        assert possible


@pytest.mark.parametrize(
    "line",
    [
        "GET / HTTP/1.1",
        "POST /score HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET /a?b=c%20d HTTP/1.0",
        "GET http://b:80/c HTTP/1.1",
        "OPTIONS HTTPS://b HTTP/1.1",
        "A" * 24 + " / HTTP/1.1",
    ],
)
def test_no_part_of_a_valid_head_is_refused(line: str) -> None:
    """It may come byte by byte."""
    raw = head("X: y", line=line)

    parse_head(raw)
    for end in range(len(raw)):
        check_partial(raw[:end], max(0, end - 2))
