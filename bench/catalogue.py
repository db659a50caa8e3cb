"""The systems of the comparison and how each is started, as its documentation advises, with two workers.

The same for all, so that what differs is how requests reach the scoring: the same machine, model, documents
and scoring code; one numeric thread in each process; access logs off; the same request timeout wherever one
can be set. Only the product checks a token.
"""

from dataclasses import replace

from bench.places import BUNDLE, ROOT
from bench.system import System

_WEB = (
    "{bin}/uvicorn",
    "--host",
    "127.0.0.1",
    "--port",
    "{port}",
    "--workers",
    "{workers}",
    "--no-access-log",
)
_GUNICORN = (
    "{bin}/gunicorn",
    "--bind",
    "127.0.0.1:{port}",
    "--workers",
    "{workers}",
    "--timeout",
    "{timeout}",
)
_UVICORN_WORKER = ("--worker-class", "uvicorn_worker.UvicornWorker")
_REDIS = ("redis-server", "--bind", "127.0.0.1", "--port", "{port1}", "--save", "", "--appendonly", "no")
_CELERY = ("{bin}/celery", "--app", "bench.systems.celery_task", "worker", "--concurrency", "{workers}")
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

QUESTION = (
    System(
        name="flask-gunicorn",
        title="Flask, gunicorn",
        kind="question",
        environment="web",
        commands=((*_GUNICORN, "bench.systems.flask_app:app"),),
        health="/health",
        versions=("flask", "gunicorn"),
        why="Pre-forked synchronous workers, gunicorn's default; the probe waits behind the requests.",
    ),
    System(
        name="fastapi-async-uvicorn",
        title="FastAPI async def, uvicorn",
        kind="question",
        environment="web",
        commands=((*_WEB, "bench.systems.fastapi_async:app"),),
        health="/health",
        versions=("fastapi", "uvicorn"),
        why="As in the question: the scoring runs on the event loop.",
    ),
    System(
        name="fastapi-async-gunicorn",
        title="FastAPI async def, gunicorn",
        kind="question",
        environment="web",
        commands=((*_GUNICORN, *_UVICORN_WORKER, "bench.systems.fastapi_async:app"),),
        health="/health",
        versions=("fastapi", "gunicorn", "uvicorn-worker"),
        why="The same application under gunicorn's process manager.",
    ),
    System(
        name="fastapi-def-uvicorn",
        title="FastAPI def, uvicorn",
        kind="question",
        environment="web",
        commands=((*_WEB, "bench.systems.fastapi_def:app"),),
        health="/health",
        versions=("fastapi", "uvicorn"),
        why="A plain def endpoint, which FastAPI runs in its pool of 40 threads.",
    ),
    System(
        name="fastapi-def-gunicorn",
        title="FastAPI def, gunicorn",
        kind="question",
        environment="web",
        commands=((*_GUNICORN, *_UVICORN_WORKER, "bench.systems.fastapi_def:app"),),
        health="/health",
        versions=("fastapi", "gunicorn", "uvicorn-worker"),
        why="The same application under gunicorn's process manager.",
    ),
    System(
        name="celery",
        title="FastAPI, Celery, Redis",
        kind="question",
        environment="web",
        commands=(_REDIS, (*_CELERY, *_QUIET), (*_WEB, "bench.systems.celery_web:app")),
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
        commands=(("{bin}/python", "-m", "bench.systems.litserve_app"),),
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
            "model-settings.json": '{"name": "scorer", '
            '"implementation": "bench.systems.mlserver_model.Scorer"}',
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
                "bench.systems.bentoml_app:Scorer",
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
        commands=(("{bin}/python", "-m", "bench.systems.ray_app"),),
        health="/-/healthz",
        worker_title="ray::ServeReplica",
        variables={"RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": "{folder}"},
        versions=("ray",),
        why="Two replicas of one CPU each on a local cluster; the replica gets the raw request.",
    ),
)

SCOREPOOL_CODE = (SCOREPOOL, *PEERS, *QUESTION)
OWN_CODE = tuple(
    replace(system, name=f"{system.name}/own", title=f"{system.title} (own scoring)", scoring="question")
    for system in QUESTION
)
ALL = SCOREPOOL_CODE + OWN_CODE

PYTHONPATH = str(ROOT)
