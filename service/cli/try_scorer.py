"""`scorepool try-scorer`: one request through a scorer in this process, without a server."""

import sys
from contextlib import redirect_stdout
from pathlib import Path

import click
import orjson

from service.api.outcome import Outcome
from service.api.problems import PROBLEMS
from service.cli.input_errors import InputError, input_errors
from service.cli.options import MODEL
from service.scorers.declaration import check_model, declare
from service.scorers.handler import ScorerHandler, open_scorer
from service.scorers.reference import located


@click.command()
@click.argument("reference", metavar="MODULE:NAME")
@click.argument("request_text", metavar="[REQUEST|@FILE|-]", required=False)
@MODEL
@input_errors()
def command(reference: str, request_text: str | None, model: Path | None) -> None:
    """Run one request through a scorer, without a server.

    REQUEST is the body of a request; @FILE reads it from a file, - from standard input. Without one it is the first of
    the scorer's self_test. The answer goes to standard output; a problem to standard error, with exit code 2.
    """
    with redirect_stdout(sys.stderr):  # what the scorer prints is no part of the answer
        outcome = _outcome(reference, request_text, model)
    if outcome.code != "ok":
        raise InputError(_problem(outcome))
    sys.stdout.buffer.write(outcome.body if outcome.raw else outcome.body + b"\n")
    sys.stdout.buffer.flush()


def _outcome(reference: str, request_text: str | None, model: Path | None) -> Outcome:
    """Return how the request ends. Raises: ScorerError, InputError for an exception of the scorer."""
    folder = str(Path.cwd())
    check_model(declare(reference, folder), model)
    handler = open_scorer(reference, *(() if model is None else (model.absolute(),)), folder=folder)
    body = _body(handler, request_text)
    try:
        return handler(body, "score")
    except Exception as error:
        raise InputError(f"500 internal_error: {located(error)}") from error


def _body(handler: ScorerHandler, text: str | None) -> bytes:
    """Return the request. Raises: InputError where there is none."""
    if text is None:
        bodies = handler.self_test_bodies()
        if not bodies:
            raise InputError("a request is needed: the scorer has no self_test")
        return bodies[0]
    if text == "-":
        return sys.stdin.buffer.read()
    return Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()


def _problem(outcome: Outcome) -> str:
    """Return what a client would read: status, code, detail, and an indented line for each fault."""
    problem = orjson.loads(outcome.body)
    lines = [f"{PROBLEMS[outcome.code].status} {outcome.code}: {problem['detail']}"]
    lines += [f"  {error['pointer']}: {error['detail']}" for error in problem.get("errors", ())]
    return "\n".join(lines)
