"""Calls Scorepool: typed results, deadlines, safe retries, for threads (`Client`) and asyncio (`AsyncClient`).

client, async_client      the shells: httpx, sleeping, threads and tasks; nothing is decided in them
calls                     the calls that both offer, each as a generator of steps
exchange                  one call: attempts, retries, deadline; with retry, circuit and tokens
parts                     a large set, split into requests
sync_jobs, async_jobs     corpora that the service keeps and works on, of any size; uploads and results that go on where
job_calls, following,     they stopped
uploads, events, jobs
request, results, errors  what is sent, what comes back
passing_on                ids, traces and deadlines of the request that causes a call
connections, clock        httpx's set-up and errors; time
testing                   a fake of the service for the tests of other services
"""

from scorepool_client.async_client import AsyncClient
from scorepool_client.calls import DEFAULT_TIMEOUT_S, ClientSettings
from scorepool_client.circuit import CircuitPolicy
from scorepool_client.client import Client
from scorepool_client.errors import (
    AuthenticationError,
    CircuitOpenError,
    ConnectionLostError,
    DeadlineExceededError,
    FieldError,
    InvalidAnswerError,
    InvalidRequestError,
    OverloadedError,
    Problem,
    ScorepoolError,
    ServerError,
    UnreachableError,
)
from scorepool_client.jobs import Grouping, Job, JobFailedError, JobOptions, Tiles
from scorepool_client.parts import FailedDocument, ManyScores, OnProgress, Part, PartialFailureError, Progress
from scorepool_client.passing_on import passing_on
from scorepool_client.request import Document, Similarity
from scorepool_client.results import (
    ClusterScore,
    DocumentScore,
    Duplicates,
    Info,
    Limits,
    Model,
    Neighbour,
    Pair,
    ScoreResult,
)
from scorepool_client.retry import RetryPolicy
from scorepool_client.tokens import TokenMinter, minted_with_key, minted_with_secret
from scorepool_client.version import VERSION

__all__ = [
    "DEFAULT_TIMEOUT_S",
    "VERSION",
    "AsyncClient",
    "AuthenticationError",
    "CircuitOpenError",
    "CircuitPolicy",
    "Client",
    "ClientSettings",
    "ClusterScore",
    "ConnectionLostError",
    "DeadlineExceededError",
    "Document",
    "DocumentScore",
    "Duplicates",
    "FailedDocument",
    "FieldError",
    "Grouping",
    "Info",
    "InvalidAnswerError",
    "InvalidRequestError",
    "Job",
    "JobFailedError",
    "JobOptions",
    "Limits",
    "ManyScores",
    "Model",
    "Neighbour",
    "OnProgress",
    "OverloadedError",
    "Pair",
    "Part",
    "PartialFailureError",
    "Problem",
    "Progress",
    "RetryPolicy",
    "ScoreResult",
    "ScorepoolError",
    "ServerError",
    "Similarity",
    "Tiles",
    "TokenMinter",
    "UnreachableError",
    "minted_with_key",
    "minted_with_secret",
    "passing_on",
]
