"""Celery with Redis: the web application, which sends a task and waits for its result in a thread."""

import os
from typing import Annotated

from celery import exceptions
from fastapi import Depends, FastAPI, Request, Response

from bench.comparison.apps.celery_task import score

app = FastAPI()
TIMEOUT_S = int(os.environ["BENCH_TIMEOUT_S"])


async def body_of(request: Request) -> str:
    return (await request.body()).decode()


@app.post("/score")
def answer(body: Annotated[str, Depends(body_of)]) -> Response:
    try:
        return Response(score.delay(body).get(timeout=TIMEOUT_S), media_type="application/json")
    except (exceptions.TimeoutError, exceptions.TimeLimitExceeded):
        return Response(status_code=504)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}
