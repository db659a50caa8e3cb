"""What a scorer says of itself: made where its code can be imported, and all that the server process knows of it."""

from typing import Any, Literal, NamedTuple

from msgspec import Struct

from service.api.request import Operation
from service.api.response import ModelInfo

# Of a `bytes` result whose scorer names no type.
BINARY = "application/octet-stream"


class ScorerDescription(Struct, frozen=True):
    """A scorer, without its code.

    reference: `package.module:Name`. file: where it is defined. operations: what `/score` and `/explain` have a worker
    do. stages: of a call, by name, as its timings are reported. preload: modules that the fork server imports.
    shared_code: digest of the code in the scorer's folder, where modules of it are in `preload`; otherwise empty.
    reads, answers: JSON or plain bytes. accepts: media types of a `bytes` request, none for any. media_type: of a
    `bytes` result. request, response: JSON Schemas, with what they refer to in `schemas`.
    costs: seconds expected of a body of 2ᵏ bytes, at position k; none where nothing is expected, or `cost_fault` says
    why the scorer's own expectation cannot be used.
    """

    reference: str
    name: str
    version: str = ""
    file: str = ""
    operations: tuple[Operation, ...] = ("score",)
    stages: tuple[str, ...] = ("decode", "score", "encode")
    preload: tuple[str, ...] = ()
    shared_code: str = ""
    reads: Literal["json", "bytes"] = "json"
    accepts: tuple[str, ...] = ()
    answers: Literal["json", "bytes"] = "json"
    media_type: str = BINARY
    request: dict[str, Any] = {}
    response: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    costs: tuple[float, ...] = ()
    cost_fault: str = ""

    @property
    def interface(self) -> tuple[object, ...]:
        """What the server's routes are made of: it cannot change while they serve."""
        return self.operations, self.reads, self.accepts, self.answers, self.media_type


class Served(NamedTuple):
    """What is served, as far as the server knows it: the scorer, and the model of the built-in one."""

    scorer: ScorerDescription
    model: ModelInfo | None = None

    @property
    def name(self) -> str:
        """The name of the model, or of the scorer."""
        return self.scorer.name if self.model is None else self.model.name

    @property
    def digest(self) -> str:
        """The digest of the model; empty where only the workers can say it."""
        return "" if self.model is None else self.model.digest
