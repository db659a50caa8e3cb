"""`scorepool score --url`: has a running service score a corpus, by the client, a distribution of its own.

Documents go in requests of some hundred, several at a time; the answers' lines are written in the documents' order. To
compare documents with each other, all of them go in one request.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from scorepool_client import (
    AsyncClient,
    Document,
    OnProgress,
    Part,
    ScorepoolError,
    minted_with_secret,
)
from scorepool_client import Progress as PartsProgress
from scoring.progress import Progress
from scoring.texts import documents as text
from scoring.texts.corpus import STANDARD_INPUT
from service.cli.input_errors import InputError

# The subject of a token that is signed here.
SUBJECT = "score"


class IncompleteError(InputError):
    """Some documents were not scored; the output says which and why."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class RemoteScorer:
    """A service and how to ask it.

    token: sent as it is; without one, `secret` signs one for each request; without both there is none.
    neighbours: of each document, with all documents in one request; 0 compares nothing.
    timeout_s: of one request, with the waits for a service that is down or busy.
    """

    url: str
    token: str | None
    secret: str
    neighbours: int
    timeout_s: float

    def score(self, documents: Iterable[Document], out: BinaryIO, report: Progress) -> IncompleteError | None:
        """Write one JSON line for each document to `out`; return the failure where some were not scored.

        Raises: InputError when the service cannot be asked at all.
        """
        try:
            return asyncio.run(self._score(documents, out, report))
        except ScorepoolError as error:
            raise InputError(f"{self.url}: {error}") from error

    async def _score(
        self, documents: Iterable[Document], out: BinaryIO, report: Progress
    ) -> IncompleteError | None:
        async with self._client() as client:
            if self.neighbours:
                result = await client.score(
                    list(documents), neighbours=self.neighbours, timeout=self.timeout_s
                )
                _write(result.raw["documents"], out)
                return None
            failed = total = 0
            async for part in client.score_parts(
                documents, on_progress=_told(report), timeout=self.timeout_s
            ):
                _write(_lines(part), out)
                failed += len(part.ids) if part.error else 0
                total += len(part.ids)
        if not failed:
            return None
        detail = "the lines with an error say which and why"
        return IncompleteError(f"{failed} of {total} documents were not scored; {detail}")

    def _client(self) -> AsyncClient:
        try:
            token = self.token or (minted_with_secret(self.secret, SUBJECT) if self.secret else None)
            return AsyncClient(self.url, token)
        except ValueError as error:
            raise InputError(str(error)) from error


def _told(report: Progress) -> OnProgress:
    def tell(told: PartsProgress) -> None:
        done = told.scored + told.failed
        report("score", done, told.total or done)

    return tell


def _lines(part: Part) -> Iterable[Any]:
    if part.result is not None:
        documents: Iterable[Any] = part.result.raw["documents"]
        return documents
    assert part.error is not None
    fault = {"code": part.error.code, "detail": part.error.detail}
    return [{"id": name, "error": fault} for name in part.ids]


def _write(documents: Iterable[Any], out: BinaryIO) -> None:
    out.writelines(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE) for document in documents)


def documents_to_send(path: Path, documents: Iterable[text.Document]) -> Iterable[Document]:
    """Return documents for the client: those of a file all at once, so that a fault comes before any is sent.

    Raises: TextFault.
    """
    sent = (Document(document.text, document.id) for document in documents)
    return sent if path == STANDARD_INPUT else list(sent)
