"""A service of another team: which of these headlines tell the same story? It asks Scorepool."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from scorepool_client import AsyncClient, ScorepoolError, minted_with_secret
from scorepool_client.asgi import PassingOn


def create_app(scorepool: AsyncClient) -> FastAPI:
    """Return the service; its tests give it a client of the fake."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with scorepool:
            yield

    app = FastAPI(lifespan=lifespan)
    app.add_middleware(PassingOn)

    @app.post("/duplicates")
    async def duplicates(headlines: list[str]) -> list[tuple[int, int]]:
        """Return the positions of each two headlines that tell the same story."""
        result = await scorepool.score(headlines, "pairs", threshold=0.9)
        return [(int(pair.a), int(pair.b)) for pair in result.pairs or ()]

    @app.exception_handler(ScorepoolError)
    async def failed(request: Request, error: ScorepoolError) -> JSONResponse:
        """Tell our caller when to come back."""
        headers = {"Retry-After": str(round(error.retry_after_s or 1))}
        return JSONResponse({"error": error.code, "request_id": error.request_id}, 503, headers)

    return app


def create() -> FastAPI:
    """Return the service as the environment sets it up: `uvicorn --factory duplicates:create`."""
    token = minted_with_secret(os.environ["SCOREPOOL_JWT_SECRET"], "duplicates")
    return create_app(AsyncClient(os.environ["SCOREPOOL_URL"], token))
