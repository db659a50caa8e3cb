"""A corpus of malformed request bodies, each with the code of the problem that refuses it."""

import json

# Levels of nesting, far more than a recursive parser's stack can hold.
DEEP = 100_000


def _body(members: str) -> bytes:
    return ('{"documents": ["a"]' + (f", {members}" if members else "") + "}").encode()


NOT_JSON: tuple[bytes, ...] = (
    b"",
    b" ",
    b"\x00",
    b"{",
    b"}",
    b"documents",
    b'"',
    b'{"documents": ["a"]',
    b'{"documents": ["a"],}',
    b'{"documents": ["a",]}',
    b'{"documents": ["a"]} {}',
    b'{"documents": ["a"]}\x00',
    b'{"documents" "a"}',
    b"{'documents': ['a']}",
    b'{documents: ["a"]}',
    b'{"documents": ["a"]} // comment',
    b'/* comment */ {"documents": ["a"]}',
    b'{"documents": ["a\nb"]}',
    b'{"documents": ["a\x00b"]}',
    b'{"documents": ["a\tb"]}',
    b'{"documents": ["\\x41"]}',
    b'{"documents": ["\\u12"]}',
    b'{"documents": ["\\u{41}"]}',
    b'{"documents": ["\\"]}',
    b'{"documents": [tru]}',
    b'{"documents": [True]}',
    b'{"documents": [undefined]}',
    _body('"threshold": NaN'),
    _body('"threshold": Infinity'),
    _body('"threshold": -Infinity'),
    _body('"threshold": 1e400'),
    _body('"threshold": -1e999999999999'),
    _body('"threshold": 01'),
    _body('"threshold": +1'),
    _body('"threshold": .5'),
    _body('"threshold": 1.'),
    _body('"threshold": 1e'),
    _body('"threshold": 0x1'),
    _body('"threshold": 1_0'),
    _body('"threshold": --1'),
    _body('"neighbours": ' + "9" * 400),
    _body('"neighbours": ' + "9" * 5_000),
    _body('"unknown": 1e400'),
    _body('"unknown": "\\ud800"'),
    b'{"documents": [1e400]}',
    b'{"documents": ["\\ud800"]}',
    b'{"documents": ["\\udc00"]}',
    b'{"documents": ["\\udc00\\ud800"]}',
    b'{"documents": ["\\ud800x"]}',
    b'{"\\ud800": 1, "documents": ["a"]}',
    b'\xef\xbb\xbf{"documents": ["a"]}',
    '{"documents": ["a"]}'.encode("utf-16"),
    '{"documents": ["a"]}'.encode("utf-16-le"),
    '{"documents": ["a"]}'.encode("utf-32"),
    '{"documents": ["é"]}'.encode("latin-1"),
    b'{"documents": ["\xff"]}',
    b'{"documents": ["\xc0\x80"]}',
    b'{"documents": ["\xed\xa0\x80"]}',
    b'{"documents": ["\xf4\x90\x80\x80"]}',
    b'{"documents": ["\xe2\x82"]}',
    b'{"\xff": 1, "documents": ["a"]}',
    b"[" * DEEP,
    b"[" * DEEP + b"]" * DEEP,
    b'{"documents":' * DEEP,
    b'{"documents": ["a"], "unknown": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    b'{"documents": ' + b'{"a":' * 2_000 + b"1" + b"}" * 2_000 + b"}",
    b"\x1f\x8b\x08\x00" + bytes(20),
    b"%PDF-1.7",
    b"<documents/>",
    b"documents=a",
)

# Each with the pointer at the first fault.
WRONG_DOCUMENTS: tuple[tuple[bytes, str], ...] = (
    (b"[]", ""),
    (b"null", ""),
    (b"true", ""),
    (b'"documents"', ""),
    (b"1", ""),
    (b"{}", "/documents"),
    (b'{"documents": null}', "/documents"),
    (b'{"documents": []}', "/documents"),
    (b'{"documents": "a"}', "/documents"),
    (b'{"documents": 5}', "/documents"),
    (b'{"documents": {"0": "a"}}', "/documents"),
    (b'{"documents": ["a"], "documents": null}', "/documents"),
    (b'{"documents": ["a", 1]}', "/documents/1"),
    (b'{"documents": [null]}', "/documents/0"),
    (b'{"documents": [["a"]]}', "/documents/0"),
    (b'{"documents": [true]}', "/documents/0"),
    (b'{"documents": [{}]}', "/documents/0/text"),
    (b'{"documents": [{"text": null}]}', "/documents/0/text"),
    (b'{"documents": [{"text": 1}]}', "/documents/0/text"),
    (b'{"documents": [{"text": ["a"]}]}', "/documents/0/text"),
    (b'{"documents": [{"text": "a", "id": null}]}', "/documents/0/id"),
    (b'{"documents": [{"text": "a", "id": 1}]}', "/documents/0/id"),
    (b'{"documents": [{"text": "a", "id": ""}]}', "/documents/0/id"),
    (b'{"documents": [{"text": "a", "id": "%b"}]}' % (b"x" * 257), "/documents/0/id"),
    (b'{"documents": ["a", {"text": "a", "titel": "b"}]}', "/documents/1/titel"),
    (b'{"documents": [{"text": "a", "a/b~c": "b"}]}', "/documents/0/a~1b~0c"),
    (b'{"documents": [{"text": "a", "": "b"}]}', "/documents/0/"),
    (b'{"documents": [{"text": "a", "\\u0000": "b"}]}', "/documents/0/\x00"),
    (b'{"documents": ' + b"[" * 900 + b"]" * 900 + b"}", "/documents/0"),
    (b'{"documents": [' + b"{}," * 999 + b"{}]}", "/documents/0/text"),
)

# Each is sent with one valid document.
WRONG_OPTIONS: tuple[tuple[str, object], ...] = (
    ("similarity", None),
    ("similarity", "cosine"),
    ("similarity", "Pairs"),
    ("similarity", ["pairs"]),
    ("similarity", {}),
    ("similarity", 5),
    ("neighbours", None),
    ("neighbours", 0),
    ("neighbours", 101),
    ("neighbours", -1),
    ("neighbours", 5.5),
    ("neighbours", 1e300),
    ("neighbours", "5"),
    ("neighbours", True),
    ("neighbours", 2**70),
    ("neighbours", []),
    ("threshold", None),
    ("threshold", 1.000001),
    ("threshold", -2),
    ("threshold", "0.5"),
    ("threshold", False),
    ("threshold", 10**300),
    ("vectors", None),
    ("vectors", 1),
    ("vectors", "true"),
    ("vectors", []),
    ("neighbors", 5),
    ("Documents", []),
    ("__proto__", {}),
    ("", 1),
)

SAME_IDS: tuple[tuple[object, ...], ...] = (
    ({"id": "x", "text": "a"}, {"id": "x", "text": "b"}),
    ("a", {"id": "0", "text": "b"}),
    ({"id": "1", "text": "a"}, "b"),
)

# With the default limits.
TOO_LARGE: tuple[tuple[bytes, str], ...] = (
    (b'{"documents": [' + b'"",' * 1_000 + b'""]}', "too_many_documents"),
    (b'{"documents": [' + b"{}," * 1_000_000 + b"{}]}", "too_many_documents"),
    (b'{"documents": [' + b"0," * 1_000 + b"0]}", "too_many_documents"),
    (b'{"documents": ["' + b"x" * 262_145 + b'"]}', "document_too_large"),
    (b'{"documents": ["' + b"\\u00e9" * 131_073 + b'"]}', "document_too_large"),
    (b'{"documents": [1, {"text": "' + b"x" * 262_145 + b'", "unknown": 1}]}', "document_too_large"),
)


def with_option(name: str, value: object) -> bytes:
    """Encode a request of one valid document with one option."""
    return json.dumps({"documents": ["a"], name: value}).encode()


def corpus() -> list[tuple[bytes, str]]:
    """Return every body with the code of its problem."""
    return [
        *((body, "invalid_json") for body in NOT_JSON),
        *((body, "invalid_document") for body, _ in WRONG_DOCUMENTS),
        *((with_option(name, value), "invalid_option") for name, value in WRONG_OPTIONS),
        *((json.dumps({"documents": documents}).encode(), "duplicate_id") for documents in SAME_IDS),
        *TOO_LARGE,
    ]


def shortened(value: object) -> str:
    """Return the beginning of a body, as the name of its test."""
    return repr(value)[:40]
