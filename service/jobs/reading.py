"""Reads a corpus that a client has sent, and writes the documents of a job: in a process of its own.

`python -m service.jobs.reading` is that process: what a client sends is decompressed and parsed there, with limits.
"""

from pathlib import Path

from msgspec import Struct

from service.jobs.apart import answer
from service.jobs.errors import StorageError
from service.jobs.state_folder import check_room, reported

# A line of a reply names the fault and the place: never more of the client's text than a reader quotes.
MAX_DETAIL = 1_000

# What clients call the options of readers, where that is not the same.
_OPTIONS = {"encoding": "charset, a parameter of Content-Type,"}


class Reading(Struct, frozen=True):
    """What the process is started with.

    spool: the corpus as it was received, of a media type and a content encoding, with the names of its text and id.
    folder: of the job. first, first_part, generation: of the documents, see `scoring.corpora.documents`. documents,
    document_bytes, total_bytes: the limits. reserve: bytes of the disk that are left free.
    """

    spool: str
    folder: str
    media_type: str
    content_encoding: str
    charset: str
    text_field: str
    id_field: str | None
    documents: int
    document_bytes: int
    total_bytes: int
    reserve: int = 0
    first: int = 0
    first_part: int = 0
    generation: int = 0


class Read(Struct, frozen=True, tag="read"):
    """The documents are written and synced."""

    documents: int
    parts: int


class Unread(Struct, frozen=True, tag="unread"):
    """They are not: the problem's code and a sentence that names the line.

    Of a disk that fails the code is `storage`; `full` where it has no room.
    """

    code: str
    detail: str
    full: bool = False


Reply = Read | Unread


def read(request: Reading) -> Reply:
    """Read a corpus and write its documents."""
    # The server imports this module for its types alone.
    from scoring.texts.faults import TextFault  # noqa: PLC0415

    try:
        with reported():
            read = _copy(request)
    except TextFault as fault:
        where = "" if fault.place is None else f"{fault.place.unit} {fault.place.number}: "
        hint = "" if fault.option is None else f"; {_OPTIONS.get(fault.option, fault.option)} names another"
        return Unread(fault.code, f"{where}{fault.detail}{hint}"[:MAX_DETAIL])
    except StorageError as error:
        return Unread("storage", str(error), error.full)
    return read if read.documents else Unread("invalid_document", "the corpus holds no documents")


def _copy(request: Reading) -> Read:
    """Write the documents of a corpus. Raises: TextFault, StorageError, OSError."""
    from scoring.corpora.documents import PART_BYTES, DocumentsWriter  # noqa: PLC0415
    from scoring.texts.compression import Compression  # noqa: PLC0415
    from scoring.texts.corpus import read_stream  # noqa: PLC0415
    from scoring.texts.documents import Format, ReadingLimits, ReadingOptions  # noqa: PLC0415
    from scoring.texts.ids import identified  # noqa: PLC0415

    formats = {
        "application/x-ndjson": Format.JSON_LINES,
        "text/csv": Format.CSV,
        "text/tab-separated-values": Format.TSV,
        "text/plain": Format.LINES,
    }
    compressions = {"identity": None, "gzip": Compression.GZIP, "zstd": Compression.ZSTD}
    form = formats[request.media_type]
    options = ReadingOptions(request.charset, form, request.text_field, request.id_field)
    limits = ReadingLimits(request.document_bytes, request.documents, request.total_bytes)
    place = {"first": request.first, "first_part": request.first_part, "generation": request.generation}
    with Path(request.spool).open("rb") as stream, DocumentsWriter(Path(request.folder), **place) as writer:
        compression = compressions[request.content_encoding]
        documents = read_stream(stream, "the corpus", options, limits, compression)
        parts = -1
        for document in identified(documents, "the corpus", limits.id_characters, first=request.first):
            if parts != (parts := writer.written.parts):
                check_room(Path(request.folder), request.reserve, PART_BYTES)
            writer.add(document.id, document.text)
    return Read(writer.written.documents, writer.written.parts)


if __name__ == "__main__":
    answer(Reading, read)
