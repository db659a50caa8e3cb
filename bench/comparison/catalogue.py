"""The systems of the comparison, and how each is started.

Each is started as its documentation advises, with two workers. The same for all, so that the systems differ only
in how requests reach the scoring: the machine, model, documents and scoring code; one numeric thread in each
process; access logs off; the request timeout, where one can be set. Only the product checks a token.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from bench.comparison.environments import BUNDLE

Scoring = Literal["own", "scorepool"]
Kind = Literal["product", "peer", "usual"]


@dataclass(frozen=True, slots=True)
class System:
    """One system. In its texts {port} {port1} {port2} {workers} {timeout} {folder} {bin} stand for values.

    name: in results and on the command line; title: in the report.
    kind: the product; a peer, which is a server for models; or a usual set-up of web frameworks.
    environment: the environment whose programs it runs; `versions` are the packages there that are reported.
    commands: one for each process; the last listens, and the system ends with it.
    programs: what it needs that is not in its environment.
    scoring: the product's scoring code, or the per-word, double-loop scoring that people begin with ("own").
    form: see `documents.wrapped`. health: the path that its documentation offers to a liveness probe.
    files: written into its working folder before it starts.
    workers_in: the index of the command whose processes score; worker_title: see `ProcessTree.busiest`.
    why: one sentence on why this set-up is fair, for the report.
    """

    name: str
    title: str
    kind: Kind
    environment: str
    commands: tuple[tuple[str, ...], ...]
    health: str
    why: str
    versions: tuple[str, ...]
    path: str = "/score"
    programs: tuple[str, ...] = ()
    form: str = "raw"
    scoring: Scoring = "scorepool"
    workers_in: int = -1
    worker_title: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


_APPS = "bench.comparison.apps"
UVICORN = (
    *("{bin}/uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--workers", "{workers}"),
    "--no-access-log",
)
_GUNICORN = (
    *("{bin}/gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "{workers}"),
    *("--timeout", "{timeout}"),
)
_UVICORN_WORKER = ("--worker-class", "uvicorn_worker.UvicornWorker")
_REDIS = ("redis-server", "--bind", "127.0.0.1", "--port", "{port1}", "--save", "", "--appendonly", "no")
_CELERY = ("{bin}/celery", "--app", f"{_APPS}.celery_task", "worker", "--concurrency", "{workers}")
_QUIET = ("--loglevel", "WARNING", "--without-gossip", "--without-mingle")

SCOREPOOL = System(
    name="scorepool",
    title="Scorepool",
    kind="product",
    environment="product",
    commands=(
        (
            *("{bin}/scorepool", "serve", "--bundle", str(BUNDLE), "--host", "127.0.0.1", "--port", "{port}"),
            *("--workers", "{workers}", "--request-timeout-s", "{timeout}", "--log-level", "warning"),
        ),
    ),
    health="/livez",
    versions=("uvicorn", "starlette"),
    why="The product with its defaults; the only one that checks a token on every request.",
)

USUAL = (
    System(
        name="flask-gunicorn",
        title="Flask, gunicorn",
        kind="usual",
        environment="web",
        commands=((*_GUNICORN, f"{_APPS}.flask_app:app"),),
        health="/health",
        versions=("flask", "gunicorn"),
        why="Pre-forked synchronous workers, gunicorn's default; each answer ends its connection, and the health probe "
        "waits behind the requests.",
    ),
    System(
        name="flask-gunicorn-threads",
        title="Flask, gunicorn with threads",
        kind="usual",
        environment="web",
        commands=((*_GUNICORN, "--worker-class", "gthread", "--threads", "8", f"{_APPS}.flask_app:app"),),
        health="/health",
        versions=("flask", "gunicorn"),
        why="The same with eight threads in each worker, which keep connections open; one thread scores at a time.",
    ),
    System(
        name="fastapi-async-uvicorn",
        title="FastAPI async def, uvicorn",
        kind="usual",
        environment="web",
        commands=((*UVICORN, f"{_APPS}.fastapi_app:with_async"),),
        health="/health",
        versions=("fastapi", "uvicorn"),
        why="The set-up that people begin with: the scoring runs on the event loop.",
    ),
    System(
        name="fastapi-async-gunicorn",
        title="FastAPI async def, gunicorn",
        kind="usual",
        environment="web",
        commands=((*_GUNICORN, *_UVICORN_WORKER, f"{_APPS}.fastapi_app:with_async"),),
        health="/health",
        versions=("fastapi", "gunicorn", "uvicorn-worker"),
        why="The same application under gunicorn's process manager.",
    ),
    System(
        name="fastapi-def-uvicorn",
        title="FastAPI def, uvicorn",
        kind="usual",
        environment="web",
        commands=((*UVICORN, f"{_APPS}.fastapi_app:with_def"),),
        health="/health",
        versions=("fastapi", "uvicorn"),
        why="A plain def endpoint, which FastAPI runs in its pool of 40 threads.",
    ),
    System(
        name="fastapi-def-gunicorn",
        title="FastAPI def, gunicorn",
        kind="usual",
        environment="web",
        commands=((*_GUNICORN, *_UVICORN_WORKER, f"{_APPS}.fastapi_app:with_def"),),
        health="/health",
        versions=("fastapi", "gunicorn", "uvicorn-worker"),
        why="The same application under gunicorn's process manager.",
    ),
    System(
        name="celery",
        title="FastAPI, Celery, Redis",
        kind="usual",
        environment="web",
        commands=(_REDIS, (*_CELERY, *_QUIET), (*UVICORN, f"{_APPS}.celery_web:app")),
        health="/health",
        programs=("redis",),
        workers_in=1,
        variables={"BENCH_REDIS": "redis://127.0.0.1:{port1}/0"},
        versions=("celery", "redis", "fastapi"),
        why="Late acknowledgement and a prefetch of one, as Celery advises for such tasks; Redis is real.",
    ),
)

PEERS = (
    System(
        name="litserve",
        title="LitServe",
        kind="peer",
        environment="litserve",
        commands=(("{bin}/python", "-m", f"{_APPS}.litserve_app"),),
        health="/health",
        form="member",
        versions=("litserve",),
        why="Two workers a device, dead workers restarted (not its default); the body is one JSON string.",
    ),
    System(
        name="mlserver",
        title="MLServer",
        kind="peer",
        environment="mlserver",
        commands=(("{bin}/mlserver", "start", "{folder}"),),
        health="/v2/health/live",
        path="/v2/models/scorer/infer",
        form="v2",
        files={
            "settings.json": '{"host": "127.0.0.1", "http_port": {port}, "grpc_port": {port1}, '
            '"metrics_port": {port2}, "parallel_workers": {workers}, "debug": false}',
            "model-settings.json": f'{{"name": "scorer", "implementation": "{_APPS}.mlserver_app.Scorer"}}',
        },
        versions=("mlserver",),
        why="A custom runtime in two parallel workers; its protocol carries the body as one string.",
    ),
    System(
        name="bentoml",
        title="BentoML",
        kind="peer",
        environment="bentoml",
        commands=(
            (
                "{bin}/bentoml",
                "serve",
                f"{_APPS}.bentoml_app:Scorer",
                "--host",
                "127.0.0.1",
                "--port",
                "{port}",
            ),
        ),
        health="/livez",
        form="member",
        files={"bentoml.yaml": "version: 1\napi_server: {}\n"},
        variables={"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": "{folder}"},
        versions=("bentoml",),
        why="A service with two workers; its synchronous API runs in a thread of each.",
    ),
    System(
        name="ray",
        title="Ray Serve",
        kind="peer",
        environment="ray",
        commands=(("{bin}/python", "-m", f"{_APPS}.ray_app"),),
        health="/-/healthz",
        worker_title="ray::ServeReplica",
        variables={"RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": "{folder}"},
        versions=("ray",),
        why="Two replicas of one CPU each on a local cluster; the replica gets the raw request.",
    ),
)

WITH_SCOREPOOL_SCORING = (SCOREPOOL, *PEERS, *USUAL)
WITH_OWN_SCORING = tuple(
    replace(system, name=f"{system.name}/own", title=f"{system.title} (own scoring)", scoring="own")
    for system in USUAL
)
ALL = WITH_SCOREPOOL_SCORING + WITH_OWN_SCORING
