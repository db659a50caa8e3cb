"""The guard before the log: nothing that looks like a token, and no secret of ours, gets past it.

It is the second line of defence: nobody logs a token on purpose. But the subject of a token, the id of a
request and what a library says may hold anything.
"""

import json
import re
from collections.abc import Iterable

REDACTED = b"[redacted]"

# Whatever the expressions below find has three such bytes in a row: eyJ, eyA, ewo, ew0, EAR, ZAT.
# Most lines have not, and cost this search alone, which is six times as fast as one with alternatives.
_HINT = re.compile(rb"[eEzZ][ywaA][JAo0rRtT]")

_PATTERNS = (
    # A JWT whose header begins with white space after its brace. Only at the start of a run, which keeps the
    # search linear, and only with its dots: "ewo" is in ordinary words, too.
    (
        re.compile(rb"(?<![\w-])e(?:yA|wo|w0)[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*"),
        REDACTED,
    ),
    # A JWT, whole or cut off: base64url of '{"' and a letter, and what hangs on to it. Its first letter must
    # not be the last one of JSON's escape for a control character.
    (re.compile(rb"(?<!\\u00[01])eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*"), REDACTED),
    # RFC 6750's b64token after its scheme, and whatever credentials follow the header's name.
    (re.compile(rb"(?i)(bearer[\s:=]+)[A-Za-z0-9._~+/=-]{6,}"), rb"\1" + REDACTED),
    (
        re.compile(rb"(?i)(authorization['\s:=,]{1,5}(?:b')?(?:[a-z]+ )?)[A-Za-z0-9._~+/=-]{6,}"),
        rb"\1" + REDACTED,
    ),
)


class Redactor:
    """Replaces tokens and known secrets in encoded lines; JSON stays JSON."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Guard `secrets`, in plain form and as they are written in JSON."""
        plain = [secret for secret in secrets if secret]
        escaped = [json.dumps(secret, ensure_ascii=False)[1:-1] for secret in plain]
        # The longest first: one may hold another.
        forms = {form.encode("utf-8", "surrogatepass") for form in (*plain, *escaped)}
        self._secrets = sorted(forms, key=len, reverse=True)

    def __call__(self, line: bytes) -> bytes:
        """Return `line` without them. Linear in its length; two microseconds where there are none."""
        for secret in self._secrets:
            if secret in line:
                line = line.replace(secret, REDACTED)
        if _HINT.search(line):
            for pattern, replacement in _PATTERNS:
                line = pattern.sub(replacement, line)
        return line
