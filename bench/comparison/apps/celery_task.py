"""Celery with Redis: the task. The model is loaded once in each worker process."""

import os

from celery import Celery
from celery.signals import worker_process_init

from bench.comparison.apps.scoring import load

app = Celery("score", broker=os.environ["BENCH_REDIS"], backend=os.environ["BENCH_REDIS"])
# What Celery's documentation advises for tasks that may safely run twice: a job goes back to the queue when
# its worker dies, and a worker takes no job ahead of the one it runs.
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    result_expires=60,
    task_time_limit=int(os.environ["BENCH_TIMEOUT_S"]),
    broker_connection_retry_on_startup=True,
)
loaded = {}


@worker_process_init.connect
def initialize(**_: object) -> None:
    loaded["score"] = load()


@app.task(name="score")
def score(body: str) -> str:
    return loaded["score"](body.encode()).decode()
