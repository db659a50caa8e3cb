"""Fixtures of the connection tests."""

import pytest

from service.connections.uvicorn_adapter import H11Parser, HttpToolsParser, Parser


@pytest.fixture(params=[HttpToolsParser, H11Parser], ids=["httptools", "h11"])
def parser(request: pytest.FixtureRequest) -> type[Parser]:
    """Return each of the two parsers in turn."""
    kind: type[Parser] = request.param
    return kind
