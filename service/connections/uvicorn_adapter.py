"""uvicorn's two parsers, telling whoever feeds them what it must know."""

from typing import Protocol

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.connections.http1 import FramingError

MALFORMED = FramingError("invalid_request", "the request is malformed")


class MessageSource(Protocol):
    """Feeds a parser: see `service.connections.connection`."""

    def answered(self) -> None:
        """Go on behind a request whose answer is written."""

    def refuse(self, error: FramingError) -> None:
        """Answer that the client's bytes make no sense, and close."""

    def shut_down(self) -> None:
        """Close behind the answer that is being written."""

    def abort(self) -> None:
        """Close at once, whatever was not sent."""


class _ReportingParser:
    """What both parsers tell their feeder, in front of uvicorn's protocol."""

    feeder: MessageSource

    def on_response_complete(self) -> None:
        """Note that an answer is written."""
        super().on_response_complete()  # type: ignore[misc]  # uvicorn's
        self.feeder.answered()

    def send_400_response(self, msg: str) -> None:
        """Refuse what only the parser saw."""
        self.feeder.refuse(MALFORMED)

    def cancel_idle_timer(self) -> None:
        """Do not take the connection for idle: it was used without this parser."""
        self._unset_keepalive_if_required()  # type: ignore[attr-defined]  # uvicorn's


class HttpToolsParser(_ReportingParser, HttpToolsProtocol):
    """The parser over httptools."""


class H11Parser(_ReportingParser, H11Protocol):
    """The parser over h11."""


Parser = HttpToolsParser | H11Parser
