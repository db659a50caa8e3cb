"""uvicorn's two HTTP parsers, with what the connection in front of them has to be told."""

from typing import Protocol

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.connections.http1 import FramingError

MALFORMED = FramingError("invalid_request", "the request is malformed")


class MessageSource(Protocol):
    """Passes messages to a parser: see `service.connections.connection`."""

    def response_complete(self) -> None:
        """Go on behind a request whose answer is written."""

    def refuse(self, error: FramingError) -> None:
        """Answer that the message is malformed, and close."""

    def shut_down(self) -> None:
        """Close behind the answer that is being written."""

    def abort(self) -> None:
        """Close at once, whatever was not sent."""


class _ReportingParser:
    """What both parsers report, in front of uvicorn's protocol."""

    source: MessageSource

    def on_response_complete(self) -> None:
        """Report that an answer is written."""
        super().on_response_complete()  # type: ignore[misc]  # uvicorn's
        self.source.response_complete()

    def send_400_response(self, msg: str) -> None:
        """Report what only the parser found malformed."""
        self.source.refuse(MALFORMED)

    def cancel_idle_timer(self) -> None:
        """Do not close the connection as idle: a request was answered without this parser."""
        self._unset_keepalive_if_required()  # type: ignore[attr-defined]  # uvicorn's

    def release(self) -> None:
        """Drop every reference after the connection has ended.

        uvicorn's protocol and its parser hold each other, and the last request with its scope: reference cycles
        that only a garbage collection would free. Its keep-alive timer would hold it for 75 s more.
        """
        self.cancel_idle_timer()
        vars(self).clear()


class HttpToolsParser(_ReportingParser, HttpToolsProtocol):
    """The parser over httptools."""


class H11Parser(_ReportingParser, H11Protocol):
    """The parser over h11."""


Parser = HttpToolsParser | H11Parser
