"""Somebody's own scoring, unchanged, in an `async def`, in a `def`, in LitServe and behind Scorepool.

    python -m bench ownscoring [--seconds 10] [--repeats 3] [--documents 100]

Every system runs `do_score` of examples/news.py in two processes. Prints a table in Markdown: requests a second of
a closed loop with 16 connections; how long the slowest took; in that load the longest time in which no health probe
was answered, and the 99th percentile of the probes; and the lines of code that each system needed beside `do_score`,
without blank lines, docstrings and comments. Installs what is missing into .local/peers; needs Debian's wrk.
"""

import ast
import io
import statistics
import sys
import time
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

from bench.comparison import catalogue, external_load, measurements
from bench.comparison.catalogue import System
from bench.comparison.environments import OWN_MODEL, PrepareError, prepare, say
from bench.comparison.external_load import LoadError
from bench.comparison.running_system import RunningSystem, StartError, running
from bench.comparison.tables import count, milliseconds
from bench.harness import machine, results
from bench.harness.command_line import parser
from bench.harness.documents import Payload
from bench.harness.latency import latency
from bench.harness.paths import ROOT
from bench.harness.results import Figure

SCORING = "do_score"

HEAD = ("System", "lines", "requests/s", "p99", "refused or lost", "longest silence", "health p99")

# A request that waits behind fifteen others of a second each must not be cut short by its server.
TIMEOUT_S = 30

_APPS = "bench/comparison/apps"


class Subject(NamedTuple):
    """One way to serve the scoring. source: the file with all the code that it needed."""

    system: System
    source: str


def _web(name: str, title: str, app: str) -> System:
    command = (*catalogue.UVICORN, f"bench.comparison.apps.{app}:app")
    return System(name, title, "usual", "web", (command,), "/health", title, ("fastapi",), scoring="own")


_SCOREPOOL = (
    *(
        "{bin}/python",
        "-m",
        "service",
        "serve",
        "--scorer",
        "examples.news:NewsScorer",
        "--model",
        str(OWN_MODEL),
    ),
    *(
        "--port",
        "{port}",
        "--workers",
        "{workers}",
        "--request-timeout-s",
        "{timeout}",
        "--log-level",
        "warning",
    ),
    # The others queue without a bound; so that all do the same work, this one takes the sixteen as well.
    *("--queue-budget-s", "{timeout}"),
)

SUBJECTS = (
    Subject(_web("async", "FastAPI, `async def`", "question_async"), f"{_APPS}/question_async.py"),
    Subject(_web("def", "FastAPI, `def`", "question_def"), f"{_APPS}/question_def.py"),
    Subject(
        System(
            *("litserve", "LitServe", "peer", "litserve"),
            (("{bin}/python", "-m", "bench.comparison.apps.question_litserve"),),
            *("/health", "LitServe", ("litserve",)),
            scoring="own",
        ),
        f"{_APPS}/question_litserve.py",
    ),
    Subject(
        System(
            *("scorepool", "Scorepool", "product", "product", (_SCOREPOOL,), "/livez", "Scorepool", ()),
            scoring="own",
        ),
        "examples/news.py",
    ),
)


class Measured(NamedTuple):
    """What one closed loop showed. silence_s: the least that can be seen is 0.05."""

    rate: float
    p99_ms: float
    failed: int
    silence_s: float
    health_p99_ms: float


def measure(system: System, payload: Payload, seconds: float, repeats: int) -> Measured:
    """Load one system and probe its health at the same time; return the median rate and the worst of the rest.

    Each repeat opens its connections anew, since chance decides how they spread over processes.

    Raises: StartError, LoadError.
    """
    with running(system, timeout_s=TIMEOUT_S) as started:
        rates, *rest = zip(*[_load(started, payload, seconds) for _ in range(repeats)], strict=True)
    p99_ms, failed, silence_s, health_p99_ms = rest
    return Measured(statistics.median(rates), max(p99_ms), sum(failed), max(silence_s), max(health_p99_ms))


def _load(started: RunningSystem, payload: Payload, seconds: float) -> Measured:
    with measurements.probing(started) as probe:
        began = time.time()
        peak = external_load.peak(started.target(payload), seconds)
        ended = time.time()
        probes = probe.stop()
    answered = [each.ended for each in probes if each.status == 200]
    return Measured(
        peak.rate,
        peak.p99_ms,
        peak.refused + peak.broken + peak.late,
        measurements.longest_silence(answered, began, ended),
        latency(each.latency_ms for each in probes).p99_ms,
    )


def code_lines(source: str, without: str = SCORING) -> int:
    """Count the lines of a module that hold code, without its docstrings and without the function `without`."""
    left_out = set[int]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            left_out.update(_lines_of(node))
        if isinstance(node, ast.FunctionDef) and node.name == without:
            left_out.update(_lines_of(node))
    return len(set(_lines_with_code(source)) - left_out)


def _lines_of(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _lines_with_code(source: str) -> Iterator[int]:
    empty = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in empty:
            yield from range(token.start[0], token.end[0] + 1)


def row(subject: Subject, measured: Measured) -> str:
    """Return the line of the table for one system."""
    lines = code_lines((ROOT / subject.source).read_text())
    cells = (
        subject.system.title,
        str(lines),
        count(measured.rate),
        milliseconds(measured.p99_ms),
        str(measured.failed),
        f"{measured.silence_s:.2f} s",
        milliseconds(measured.health_p99_ms),
    )
    return f"| {' | '.join(cells)} |"


def figures(name: str, measured: Measured) -> list[Figure]:
    """Return what the result file keeps of one system."""
    return [
        Figure(f"{name}: requests", "1/s", "higher", [measured.rate]),
        Figure(f"{name}: silence", "s", "lower", [measured.silence_s]),
        Figure(f"{name}: health p99", "ms", "lower", [measured.health_p99_ms]),
    ]


def main() -> int:
    """Measure one system after the other; print the table and save the figures."""
    options_parser = parser(__doc__)
    options_parser.add_argument("--seconds", type=int, default=10, help="of each load (10)")
    options_parser.add_argument("--repeats", type=int, default=3, help="loads of each system (3)")
    options_parser.add_argument("--documents", type=int, default=100, help="in a request (100)")
    options = options_parser.parse_args()
    payload = Payload(options.documents, 4)
    rows, found = [], []
    try:
        missing = prepare(("web", "litserve"))
        for subject in SUBJECTS:
            system = subject.system
            say(f"{system.title} …")
            if system.environment in missing:
                say(f"  not installed: {missing[system.environment]}")
                continue
            measured = measure(system, payload, options.seconds, options.repeats)
            rows.append(row(subject, measured))
            found += figures(system.name, measured)
    except (PrepareError, StartError, LoadError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"| {' | '.join(HEAD)} |\n| --- |{' ---: |' * (len(HEAD) - 1)}")
    print("\n".join(rows))
    print(f"\n{machine.describe()}")
    settings = {"seconds": options.seconds, "repeats": options.repeats, "documents": options.documents}
    say(str(results.save(results.collect("ownscoring", settings, found))))
    return 0
