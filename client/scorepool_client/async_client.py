"""The client for asyncio: the same steps, awaited. Cancelling a call closes its connection, which ends its work."""

import asyncio
import inspect
import sys
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import closing
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpx

from scorepool_client.async_jobs import AsyncJobs, iterated
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
from scorepool_client.exchange import (
    Body,
    Emit,
    FetchToken,
    Loss,
    LossKind,
    Read,
    Reply,
    Send,
    Sleep,
    Step,
    Steps,
)
from scorepool_client.job_calls import JobCalls
from scorepool_client.parts import ManyScores, OnProgress, Part, PartRequest, Splitter, Tally
from scorepool_client.request import AnyDocument, Options, Similarity
from scorepool_client.results import Info, ScoreResult
from scorepool_client.tokens import TokenGiver

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

Result = TypeVar("Result")


class AsyncClient:
    """Calls one service from tasks of one event loop; its parameters are those of `Client`.

    The function that gives tokens may also be asynchronous.
    """

    def __init__(
        self,
        base_url: str,
        token: TokenGiver | None = None,
        *,
        settings: ClientSettings | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        settings = settings or ClientSettings()
        url, socket_path = parse_address(base_url)
        limits = pool_limits(settings.max_connections)
        if socket_path is not None and transport is None:
            transport = httpx.AsyncHTTPTransport(uds=socket_path, limits=limits)
        self._http = httpx.AsyncClient(base_url=url, headers=HEADERS, limits=limits, transport=transport)
        self._calls = Calls(token, settings)
        self._fetching = asyncio.Lock()
        self.jobs = AsyncJobs(JobCalls(self._calls), self)

    def __repr__(self) -> str:
        """Return the address and the state of the circuit."""
        return f"<AsyncClient {self._http.base_url} {self._calls.circuit!r}>"

    async def __aenter__(self) -> "AsyncClient":
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections; the client cannot be used after that."""
        await self._http.aclose()

    async def score(
        self,
        documents: Sequence[AnyDocument],
        similarity: Similarity = "neighbours",
        *,
        neighbours: int | None = None,
        threshold: float | None = None,
        vectors: bool = False,
        timeout: float | None = None,
    ) -> ScoreResult:
        """Score the documents of one request; see `Client.score`. Raises: ScorepoolError."""
        options = Options(similarity, neighbours, threshold, vectors)
        return await self.run(self._calls.score(documents, options, timeout))

    async def similarity_matrix(
        self, documents: Sequence[AnyDocument], *, timeout: float | None = None
    ) -> "NDArray[numpy.float32]":
        """Return the cosine of every document with every other; see `Client.similarity_matrix`."""
        return await self.run(self._calls.matrix(documents, timeout))

    async def score_many(
        self,
        documents: Iterable[AnyDocument] | AsyncIterable[AnyDocument],
        *,
        vectors: bool = False,
        concurrency: int = 4,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,
    ) -> ManyScores:
        """Score any number of documents; see `Client.score_many`."""
        parts = self.score_parts(
            documents, vectors=vectors, concurrency=concurrency, on_progress=on_progress, timeout=timeout
        )
        return ManyScores(tuple([part async for part in parts]))

    async def score_parts(
        self,
        documents: Iterable[AnyDocument] | AsyncIterable[AnyDocument],
        *,
        vectors: bool = False,
        concurrency: int = 4,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[Part]:
        """Yield the parts of any number of documents, in order; see `Client.score_parts`."""
        tally = Tally(documents, on_progress)
        limits = (await self.run(self._calls.info(timeout, patient=True))).limits
        splitter = Splitter(limits, vectors=vectors)
        waiting: deque[asyncio.Task[Part]] = deque()

        def submit(requests: list[PartRequest]) -> None:
            for request in requests:
                waiting.append(asyncio.create_task(self._score_part(request, tally, timeout)))

        try:
            async for document in iterated(documents):
                submit(splitter.add(document))
                while len(waiting) >= concurrency:
                    yield tally.note(await waiting.popleft())
            submit(splitter.finish())
            while waiting:
                yield tally.note(await waiting.popleft())
            tally.finish()
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def info(self, *, timeout: float | None = None) -> Info:
        """Return what the service says of itself: version, model, limits. Raises: ScorepoolError."""
        return await self.run(self._calls.info(timeout))

    async def _score_part(self, request: PartRequest, tally: Tally, timeout: float | None) -> Part:
        refused = tally.refused(request)
        return await self.run(self._calls.score_part(request, timeout)) if refused is None else refused

    async def run(self, steps: Steps[Result]) -> Result:
        """Do the steps of one call; return its result."""
        answer: Any = None
        with closing(steps):
            try:
                while True:
                    answer = await self._do(steps.send(answer))
            except StopIteration as done:
                return cast("Result", done.value)

    async def iterate(self, steps: Steps[None]) -> AsyncIterator[Any]:
        """Do steps, and yield what they emit; the last answer that is read stays open meanwhile."""
        answer: Any = None
        stream: AsyncAnswerStream | None = None
        with closing(steps):
            try:
                while True:
                    step = steps.send(answer)
                    if isinstance(step, Emit):
                        yield step.value
                        answer = None
                        continue
                    if stream is not None and not isinstance(step, Read):
                        await stream.close()
                    answer = await self._do(step)
                    if isinstance(answer, Reply) and answer.stream is not None:
                        stream = answer.stream
            except StopIteration:
                return
            finally:
                if stream is not None:
                    await stream.close()

    async def _do(self, step: Step) -> Reply | Loss | str | bytes | Exception | None:
        if isinstance(step, Send):
            return await self._send(step)
        if isinstance(step, Read):
            return await cast("AsyncAnswerStream", step.stream).read()
        if isinstance(step, FetchToken):
            return await self._fetch_token(step)
        assert isinstance(step, Sleep)
        await self._calls.clock.sleep_async(step.seconds)
        return None

    async def _send(self, step: Send) -> Reply | Loss:
        attempt = Attempt()
        request = self._http.build_request(
            step.method,
            step.path,
            content=step.body if isinstance(step.body, bytes | None) else _chunks(step.body),
            headers=step.headers,
            timeout=stream_limits(step.time_s) if step.stream else time_limits(step.time_s),
            extensions={"trace": attempt.trace_async},
        )
        try:
            return await _within(step.time_s, self._receive(request, attempt, stream=step.stream))
        except asyncio.TimeoutError:
            return Loss(LossKind.TIMEOUT, "waiting for the answer")
        except httpx.RequestError as error:
            return attempt.loss(error)

    async def _receive(self, request: httpx.Request, attempt: Attempt, *, stream: bool) -> Reply:
        response = await self._http.send(request, stream=True)
        attempt.answered = True
        if stream and is_success(response):
            return Reply(response.status_code, response.headers, b"", AsyncAnswerStream(response, attempt))
        try:
            return Reply(response.status_code, response.headers, await response.aread())
        finally:
            await response.aclose()

    async def _fetch_token(self, step: FetchToken) -> str | Exception:
        tokens = self._calls.tokens
        async with self._fetching:
            known = tokens.current(self._calls.clock.unix(), step.refused)
            if known is not None:
                return known
            try:
                token = tokens.fetch()
                return tokens.store(await token if inspect.isawaitable(token) else token)
            except Exception as error:  # the user's function may raise anything
                return error


class AsyncAnswerStream:
    """An answer that is read as it comes."""

    def __init__(self, response: httpx.Response, attempt: Attempt) -> None:
        self._response = response
        self._chunks = response.aiter_bytes()
        self._attempt = attempt

    async def read(self) -> bytes | Loss:
        """Return what has come, none at the end."""
        try:
            return await anext(self._chunks, b"")
        except httpx.RequestError as error:
            return self._attempt.loss(error)

    async def close(self) -> None:
        """Close the connection, unless the answer was read to its end."""
        await self._response.aclose()


async def _chunks(body: Body) -> AsyncIterator[bytes]:
    """Yield the bytes of a body; the disk is waited for in another thread."""
    chunks = body.chunks()
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk


async def _within(seconds: float, work: Coroutine[Any, Any, Result]) -> Result:
    if sys.version_info < (3, 11):
        return await asyncio.wait_for(work, seconds)
    else:  # noqa: RET505  # type checkers skip one branch, by the version
        async with asyncio.timeout(seconds):
            return await work
