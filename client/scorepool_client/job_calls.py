"""The calls about jobs, each as the steps that `Jobs` and `AsyncJobs` do."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import quote

from scorepool_client.calls import Calls
from scorepool_client.errors import InvalidRequestError
from scorepool_client.exchange import NO_HEADERS, Call, Emit, Exchange, Reply, Steps
from scorepool_client.following import PATIENCE_S, Patience, Reading, Watching, keep_up
from scorepool_client.jobs import Job, JobOptions, ResultQuery, read_job, read_page
from scorepool_client.passing_on import current_origin
from scorepool_client.uploads import Upload

# Of an upload, the reading of its documents included: ten million documents take some minutes.
UPLOAD_TIMEOUT_S = 3600.0


class JobCalls:
    """Makes the steps."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def submit(self, upload: Upload, options: JobOptions, key: str, timeout_s: float | None) -> Steps[Job]:
        """Send a corpus; return its job. With the same key it is one job, however often it is sent."""
        timeout_s = UPLOAD_TIMEOUT_S if timeout_s is None else timeout_s
        call = Call("POST", f"/jobs{options.query}", upload, timeout_s, headers={"Idempotency-Key": key})
        return (yield from self._job(call))

    def get(self, name: str, timeout_s: float | None = None) -> Steps[Job]:
        """Return what is known of a job."""
        return (yield from self._job(self._call("GET", _path(name), timeout_s)))

    def list(self, timeout_s: float | None) -> Steps[None]:
        """Emit all jobs, newest first, page by page."""
        after: str | None = ""
        while after is not None:
            query = f"?after={quote(after, safe='')}" if after else ""
            exchange = self._exchange(self._call("GET", f"/jobs{query}", timeout_s))
            reply = yield from exchange.steps()
            jobs, after = read_page(reply.body, exchange.request_id, exchange.attempts)
            for job in jobs:
                yield Emit(job)

    def cancel(self, name: str, timeout_s: float | None) -> Steps[None]:
        """End a job and remove it with what it has on the disk."""
        exchange = self._exchange(self._call("DELETE", _path(name), timeout_s))
        try:
            yield from exchange.steps()
        except InvalidRequestError as error:
            if error.status != 404 or exchange.attempts < 2:
                raise  # otherwise an attempt whose answer was lost has removed it

    def watch(self, name: str) -> Steps[None]:
        """Emit the job whenever it has changed, until it has ended."""
        call = replace(self._call("GET", f"{_path(name)}/events", None), accept="text/event-stream")
        events = partial(self._open, call)
        return keep_up(Watching(events, partial(self.get, name), Patience(self._calls)))

    def result(self, name: str, asked: ResultQuery) -> Steps[None]:
        """Emit the pieces of a result, each byte once."""
        kind = "application/x-npy" if asked.part == "vectors" else "application/x-ndjson"
        # Other groups are made when they are asked for.
        timeout_s = None if asked.grouping is None else PATIENCE_S
        call = replace(self._call("GET", f"{_path(name)}/result{asked.query}", timeout_s), accept=kind)
        return keep_up(Reading(partial(self._open, call), Patience(self._calls)))

    def _open(self, call: Call, headers: Mapping[str, str] = NO_HEADERS) -> Steps[Reply]:
        """Return the head of an answer that is read as it comes."""
        return (yield from self._exchange(replace(call, headers=headers, stream=True)).steps())

    def _job(self, call: Call) -> Steps[Job]:
        exchange = self._exchange(call)
        reply = yield from exchange.steps()
        return read_job(reply.body, exchange.request_id, exchange.attempts)

    def _call(self, method: str, path: str, timeout_s: float | None) -> Call:
        return Call(method, path, None, self._calls.timeout_s if timeout_s is None else timeout_s)

    def _exchange(self, call: Call) -> Exchange:
        return self._calls.exchange(replace(call, origin=current_origin(), repeatable=True))


def _path(name: str) -> str:
    return f"/jobs/{quote(name, safe='')}"
