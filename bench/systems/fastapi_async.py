"""FastAPI with `async def`, as in the question: the scoring runs on the event loop; nothing in it awaits."""

from fastapi import FastAPI, Request, Response

from bench.systems.scoring import load

app = FastAPI()
score = load()


@app.post("/score")
async def answer(request: Request) -> Response:
    return Response(score(await request.body()), media_type="application/json")


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}
