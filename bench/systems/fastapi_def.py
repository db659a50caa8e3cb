"""FastAPI with a plain `def`: the scoring runs in the thread pool, beside the event loop, under one GIL."""

from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response

from bench.systems.scoring import load

app = FastAPI()
score = load()


async def body_of(request: Request) -> bytes:
    return await request.body()


@app.post("/score")
def answer(body: Annotated[bytes, Depends(body_of)]) -> Response:
    return Response(score(body), media_type="application/json")


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}
