"""The client for threads: does the steps of a call one after the other, and waits for each."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpx

from scorepool_client.calls import Calls, ClientSettings
from scorepool_client.connections import (
    HEADERS,
    Attempt,
    is_success,
    parse_address,
    pool_limits,
    stream_limits,
    time_limits,
)
from scorepool_client.exchange import Emit, FetchToken, Loss, LossKind, Read, Reply, Send, Sleep, Step, Steps
from scorepool_client.job_calls import JobCalls
from scorepool_client.parts import ManyScores, OnProgress, Part, PartRequest, Splitter, Tally
from scorepool_client.request import AnyDocument, Options, Similarity
from scorepool_client.results import Info, ScoreResult
from scorepool_client.sync_jobs import Jobs
from scorepool_client.tokens import TokenGiver

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

Result = TypeVar("Result")


class Client:
    """Calls one service. Any thread may use it; one client for a program keeps its connections open.

    base_url: `http://host:port`, with a path where there is one, or `unix:/path/of/socket`.
    token: a text, a function that returns one, or what `minted_with_secret` and `minted_with_key` return.
    transport: of httpx, for TLS of one's own, for proxies, and for tests.

    Raises: ValueError for an address of another kind.
    """

    def __init__(
        self,
        base_url: str,
        token: TokenGiver | None = None,
        *,
        settings: ClientSettings | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        settings = settings or ClientSettings()
        url, socket_path = parse_address(base_url)
        limits = pool_limits(settings.max_connections)
        if socket_path is not None and transport is None:
            transport = httpx.HTTPTransport(uds=socket_path, limits=limits)
        self._http = httpx.Client(base_url=url, headers=HEADERS, limits=limits, transport=transport)
        self._calls = Calls(token, settings)
        self._fetching = threading.Lock()
        self.jobs = Jobs(JobCalls(self._calls), self)

    def __repr__(self) -> str:
        """Return the address and the state of the circuit."""
        return f"<Client {self._http.base_url} {self._calls.circuit!r}>"

    def __enter__(self) -> "Client":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections; the client cannot be used after that."""
        self._http.close()

    def score(
        self,
        documents: Sequence[AnyDocument],
        similarity: Similarity = "neighbours",
        *,
        neighbours: int | None = None,
        threshold: float | None = None,
        vectors: bool = False,
        timeout: float | None = None,
    ) -> ScoreResult:
        """Score the documents of one request and compare them as `similarity` says.

        neighbours: of each document, 1 to 100. threshold: the least similarity of `pairs`, −1 to 1. None is the
        service's default. timeout: seconds for the whole call with its retries; None is that of the settings.

        Raises: ScorepoolError.
        """
        options = Options(similarity, neighbours, threshold, vectors)
        return self.run(self._calls.score(documents, options, timeout))

    def similarity_matrix(
        self, documents: Sequence[AnyDocument], *, timeout: float | None = None
    ) -> "NDArray[numpy.float32]":
        """Return the cosine of every document with every other, (n, n). Raises: ScorepoolError.

        It is ImportError where NumPy is missing (`pip install scorepool-client[numpy]`); `score` with the similarity
        `matrix` needs none.
        """
        return self.run(self._calls.matrix(documents, timeout))

    def score_many(
        self,
        documents: Iterable[AnyDocument],
        *,
        vectors: bool = False,
        concurrency: int = 4,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,
    ) -> ManyScores:
        """Score any number of documents, in requests of up to 250; see `score_parts`.

        The result has a score, or the reason why not, for each document in order.

        Raises: ScorepoolError when the limits of the service cannot be read. After that a failure is in the result.
        """
        parts = self.score_parts(
            documents, vectors=vectors, concurrency=concurrency, on_progress=on_progress, timeout=timeout
        )
        return ManyScores(tuple(parts))

    def score_parts(
        self,
        documents: Iterable[AnyDocument],
        *,
        vectors: bool = False,
        concurrency: int = 4,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,
    ) -> Iterator[Part]:
        """Yield the parts of any number of documents, in order; memory is that of `concurrency` requests.

        Documents are not compared with each other: that needs all of them in one request (`score`), or a job where
        the service offers jobs. A text without an id gets its position in the whole set. A part that fails is yielded
        with its error, and logged as a warning. Its call waits while the service is down or refuses work, up to
        `timeout` for each part.

        Raises: ScorepoolError when the limits of the service cannot be read.
        """
        tally = Tally(documents, on_progress)
        limits = self.run(self._calls.info(timeout, patient=True)).limits
        splitter = Splitter(limits, vectors=vectors)
        waiting: deque[Future[Part]] = deque()
        pool = ThreadPoolExecutor(concurrency, "scorepool-client")

        def submit(requests: list[PartRequest]) -> None:
            for request in requests:
                context = copy_context()
                waiting.append(pool.submit(context.run, self._score_part, request, tally, timeout))

        try:
            for document in documents:
                submit(splitter.add(document))
                while len(waiting) > concurrency:
                    yield tally.note(waiting.popleft().result())
            submit(splitter.finish())
            while waiting:
                yield tally.note(waiting.popleft().result())
            tally.finish()
        finally:
            pool.shutdown(cancel_futures=True)

    def info(self, *, timeout: float | None = None) -> Info:
        """Return what the service says of itself: version, model, limits. Raises: ScorepoolError."""
        return self.run(self._calls.info(timeout))

    def _score_part(self, request: PartRequest, tally: Tally, timeout: float | None) -> Part:
        refused = tally.refused(request)
        return self.run(self._calls.score_part(request, timeout)) if refused is None else refused

    def run(self, steps: Steps[Result]) -> Result:
        """Do the steps of one call; return its result."""
        answer: Any = None
        with closing(steps):
            try:
                while True:
                    answer = self._do(steps.send(answer))
            except StopIteration as done:
                return cast("Result", done.value)

    def iterate(self, steps: Steps[None]) -> Iterator[Any]:
        """Do steps, and yield what they emit; the last answer that is read stays open meanwhile."""
        answer: Any = None
        stream: AnswerStream | None = None
        with closing(steps):
            try:
                while True:
                    step = steps.send(answer)
                    if isinstance(step, Emit):
                        yield step.value
                        answer = None
                        continue
                    if stream is not None and not isinstance(step, Read):
                        stream.close()
                    answer = self._do(step)
                    if isinstance(answer, Reply) and answer.stream is not None:
                        stream = answer.stream
            except StopIteration:
                return
            finally:
                if stream is not None:
                    stream.close()

    def _do(self, step: Step) -> Reply | Loss | str | bytes | Exception | None:
        if isinstance(step, Send):
            return self._send(step)
        if isinstance(step, Read):
            return cast("AnswerStream", step.stream).read()
        if isinstance(step, FetchToken):
            return self._fetch_token(step)
        assert isinstance(step, Sleep)
        self._calls.clock.sleep(step.seconds)
        return None

    def _send(self, step: Send) -> Reply | Loss:
        attempt = Attempt()
        request = self._http.build_request(
            step.method,
            step.path,
            content=step.body if isinstance(step.body, bytes | None) else step.body.chunks(),
            headers=step.headers,
            timeout=stream_limits(step.time_s) if step.stream else time_limits(step.time_s),
            extensions={"trace": attempt.trace},
        )
        give_up = monotonic() + step.time_s
        try:
            response = self._http.send(request, stream=True)
            attempt.answered = True
            if step.stream and is_success(response):
                return Reply(response.status_code, response.headers, b"", AnswerStream(response, attempt))
            return _read_whole(response, give_up)
        except httpx.RequestError as error:
            return attempt.loss(error)

    def _fetch_token(self, step: FetchToken) -> str | Exception:
        tokens = self._calls.tokens
        with self._fetching:
            known = tokens.current(self._calls.clock.unix(), step.refused)
            if known is not None:
                return known
            try:
                return tokens.store(cast("str", tokens.fetch()))
            except Exception as error:  # the user's function may raise anything
                return error


def _read_whole(response: httpx.Response, give_up: float) -> Reply | Loss:
    with closing(response):
        chunks = []
        for chunk in response.iter_bytes():
            chunks.append(chunk)
            if monotonic() > give_up:
                return Loss(LossKind.TIMEOUT, "the answer came too slowly")
        return Reply(response.status_code, response.headers, b"".join(chunks))


class AnswerStream:
    """An answer that is read as it comes."""

    def __init__(self, response: httpx.Response, attempt: Attempt) -> None:
        self._response = response
        self._chunks = response.iter_bytes()
        self._attempt = attempt

    def read(self) -> bytes | Loss:
        """Return what has come, none at the end."""
        try:
            return next(self._chunks, b"")
        except httpx.RequestError as error:
            return self._attempt.loss(error)

    def close(self) -> None:
        """Close the connection, unless the answer was read to its end."""
        self._response.close()
