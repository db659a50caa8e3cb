"""The fake's jobs: each is done after it was looked at some times, and has the fake's scores."""

import csv
import gzip
import io
import json
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scorepool_client.exchange import Reply
from scorepool_client.testing.answers import FakeProblemError, RecordedRequest, check_token, npy_file, problem
from scorepool_client.testing.groups import groups
from scorepool_client.testing.scores import MODEL, score, vector_of

CREATED = "2026-01-01T00:00:00.000Z"

_NUMBERS: Mapping[str, Callable[[str], Any]] = {"neighbours": int, "threshold": float, "duplicates": float}


@dataclass(slots=True)
class FakeJob:
    """A job. looks: how often its state was told; fault: why it is to fail."""

    name: str
    ids: list[str]
    texts: list[str]
    options: Mapping[str, str]
    upload: tuple[Mapping[str, str], bytes] = field(repr=False)
    steps: int
    looks: int = 0
    fault: str | None = None

    @property
    def state(self) -> str:
        """Return its state."""
        if self.looks < self.steps:
            return "running" if self.looks else "queued"
        return "failed" if self.fault else "done"

    def told(self) -> dict[str, Any]:
        """Return what the service says of it."""
        tiles = {"done": min(self.looks, self.steps), "total": self.steps}
        state = self.state
        described: dict[str, Any] = {"id": self.name, "state": state, "documents": len(self.ids)}
        described |= {"tiles": tiles, "steps": tiles, "stage": "tiles" if state == "running" else None}
        described |= {"created": CREATED, "eta_s": 1.0 if state == "running" else None}
        return described | {"error": self.fault if state == "failed" else None, "model": MODEL["digest"]}


class FakeJobs:
    """All jobs of a fake. steps: how often a job is looked at before it has ended."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._jobs: dict[str, FakeJob] = {}
        self._keys: dict[str, FakeJob] = {}
        self.faults: deque[str] = deque()

    def answer(self, request: RecordedRequest, token: str | None) -> Reply:
        """Return the answer to one request about jobs."""
        try:
            check_token(request.headers, token)
            return self._answer(request)
        except FakeProblemError as error:
            return problem(error.code, error.detail, request.request_id, pointer=error.pointer)

    def _answer(self, request: RecordedRequest) -> Reply:
        _, _, name, *rest = [*request.path.split("/"), ""]
        rest = [part for part in rest if part]
        if not name:
            return self._submit(request) if request.method == "POST" else self._list(request)
        if name not in self._jobs or rest not in ([], ["events"], ["result"]):
            raise FakeProblemError("not_found", f"you have no job {name}")
        job = self._jobs[name]
        if request.method == "DELETE":
            del self._jobs[name]
            return _reply(request, 204, b"", "application/json")
        if not rest:
            job.looks += 1
            return _reply(request, 200, json.dumps(job.told()).encode(), "application/json")
        return _events(request, job) if rest == ["events"] else _result(request, job)

    def _submit(self, request: RecordedRequest) -> Reply:
        key = request.headers.get("idempotency-key", "")
        upload = (dict(request.query), request.body)
        known = self._keys.get(key)
        if known is not None and known.upload != upload:
            raise FakeProblemError(
                "key_reused", f"this Idempotency-Key made job {known.name} of another corpus"
            )
        job = known or self._new(request, upload)
        if key:
            self._keys[key] = job
        reply = _reply(request, 201, json.dumps(job.told()).encode(), "application/json")
        return reply._replace(headers={**reply.headers, "location": f"/jobs/{job.name}"})

    def _new(self, request: RecordedRequest, upload: tuple[Mapping[str, str], bytes]) -> FakeJob:
        if "against" in request.query:
            raise FakeProblemError("invalid_option", "against: the fake compares with no other job")
        ids, texts = _documents(request)
        job = FakeJob(f"job{len(self._jobs) + 1}", ids, texts, request.query, upload, self._steps)
        job.fault = self.faults.popleft() if self.faults else None
        self._jobs[job.name] = job
        return job

    def _list(self, request: RecordedRequest) -> Reply:
        limit = int(request.query.get("limit", "100"))
        names = list(reversed(self._jobs))
        after = request.query.get("after")
        names = names[names.index(after) + 1 :] if after in names else names
        page = {"jobs": [self._jobs[name].told() for name in names[:limit]]}
        following = names[limit - 1] if len(names) > limit else None
        body = json.dumps({**page, "after": following}).encode()
        return _reply(request, 200, body, "application/json")


def _documents(request: RecordedRequest) -> tuple[list[str], list[str]]:
    body = request.body
    if request.headers.get("content-encoding", "identity") == "gzip":
        body = gzip.decompress(body)
    elif "content-encoding" in request.headers:
        raise FakeProblemError("unsupported_media_type", "the fake expands gzip alone")
    text_field, id_field = request.query.get("text_field", "text"), request.query.get("id_field", "id")
    ids: list[str] = []
    texts: list[str] = []
    for number, row in enumerate(_rows(request.headers.get("content-type", ""), body.decode()), 1):
        if not isinstance(row, dict) or not isinstance(row.get(text_field), str):
            raise FakeProblemError(
                "invalid_document", f"the corpus, document {number}: has no {text_field!r}"
            )
        name = str(row.get(id_field) or len(ids))
        if name in ids:
            raise FakeProblemError(
                "duplicate_id", f"the corpus, document {number}: its id is that of another"
            )
        ids.append(name)
        texts.append(row[text_field])
    if not ids:
        raise FakeProblemError("invalid_document", "the corpus holds no documents")
    return ids, texts


def _rows(content_type: str, text: str) -> list[Any]:
    media_type = content_type.partition(";")[0]
    if media_type == "text/plain":
        return [{"text": line} for line in text.splitlines()]
    if media_type in {"text/csv", "text/tab-separated-values"}:
        return list(csv.DictReader(io.StringIO(text), delimiter="," if media_type == "text/csv" else "\t"))
    if media_type != "application/x-ndjson":
        raise FakeProblemError("unsupported_media_type", "send JSON lines, CSV, TSV or text")
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise FakeProblemError("invalid_document", f"the corpus: {error}") from error


def _events(request: RecordedRequest, job: FakeJob) -> Reply:
    events = ["retry: 1000\n\n: still there\n\n"]
    while True:
        events.append(f"event: state\ndata: {json.dumps(job.told())}\n\n")
        if job.looks >= job.steps:
            break
        job.looks += 1
    return _reply(request, 200, "".join(events).encode(), "text/event-stream")


def _result(request: RecordedRequest, job: FakeJob) -> Reply:
    if job.state != "done":
        code = "no_result" if job.state == "failed" else "not_ready"
        raise FakeProblemError(code, f"the job {job.name} is {job.state}")
    media_type = "application/x-ndjson"
    if "application/x-npy" in request.headers.get("accept", ""):
        media_type = "application/x-npy"
        body = npy_file([vector_of(text) or [0.0] * int(str(MODEL["dimensions"])) for text in job.texts])
    else:
        lines = _lines(job, request.query)
        body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    reply = _reply(request, 200, body, media_type)
    etag = f'"{job.name}-{zlib.crc32(body)}"'
    reply = reply._replace(headers={**reply.headers, "etag": etag, "accept-ranges": "bytes"})
    span = request.headers.get("range", "").removeprefix("bytes=").removesuffix("-")
    if not span or request.headers.get("if-range", etag) != etag:
        return reply
    if int(span) >= len(body):
        raise FakeProblemError("range_not_satisfiable", f"there are {len(body)} bytes")
    place = f"bytes {span}-{len(body) - 1}/{len(body)}"
    return Reply(206, {**reply.headers, "content-range": place}, body[int(span) :])


def _lines(job: FakeJob, query: Mapping[str, str]) -> list[Any]:
    """Return the documents or pairs of a result, with the groups of duplicates that are asked for."""
    options = {name: _NUMBERS.get(name, str)(value) for name, value in job.options.items()}
    answer = score(job.ids, job.texts, options)
    if query.get("part") == "pairs":
        return list(answer.get("pairs", ()))
    documents: list[Any] = answer["documents"]
    threshold, linkage = options.get("duplicates"), options.get("linkage", "components")
    if "duplicates" in query:
        threshold, linkage = float(query["duplicates"]), query.get("linkage", "components")
        _check_kept(options, threshold)
    if threshold is not None:
        found = groups(job.ids, [vector_of(text) for text in job.texts], threshold, linkage)
        for document, group in zip(documents, found, strict=True):
            document["duplicates"] = group
    return documents


def _check_kept(options: Mapping[str, Any], threshold: float) -> None:
    """Raise FakeProblemError where a job does not keep all pairs from a threshold on."""
    kept = [options["duplicates"]] if "duplicates" in options else []
    kept += [options.get("threshold", 0.8)] if options.get("similarity") == "pairs" else []
    if not kept:
        detail = "duplicates: this corpus keeps no pairs; score it with duplicates or pairs"
        raise FakeProblemError("no_result", detail)
    if threshold < min(kept):
        detail = f"duplicates: {threshold:g} asked, pairs are kept from {min(kept):g} on; ask for more"
        raise FakeProblemError("no_result", detail)


def _reply(request: RecordedRequest, status: int, body: bytes, media_type: str) -> Reply:
    return Reply(status, {"content-type": media_type, "x-request-id": request.request_id}, body)
