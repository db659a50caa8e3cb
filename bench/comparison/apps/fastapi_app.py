"""FastAPI: the scoring in an `async def` endpoint, or in a plain `def`.

with_async      runs it on the event loop; nothing in it awaits
with_def        runs it in FastAPI's thread pool, beside the event loop, under one GIL
"""

from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response

from bench.comparison.apps.scoring import load

with_async = FastAPI()
with_def = FastAPI()
score = load()


async def body_of(request: Request) -> bytes:
    return await request.body()


@with_async.post("/score")
async def answer(request: Request) -> Response:
    return Response(score(await request.body()), media_type="application/json")


@with_def.post("/score")
def answer_in_thread(body: Annotated[bytes, Depends(body_of)]) -> Response:
    return Response(score(body), media_type="application/json")


@with_async.get("/health")
@with_def.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}
