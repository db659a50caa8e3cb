"""What metrics, log, status and traces cost a request, in microseconds of the event loop.

    python -m bench telemetry [--requests N]

One request of three documents is reported to all telemetry, as a real one is: its begin, its call, its outcome, its
end. The log is written to a pipe that `cat` empties. `cpu` is the processor time of the whole process, with the
threads that write the log and send the traces. Below stands the same work by the usual libraries.
"""

import json
import logging
import logging.handlers
import os
import queue
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import prometheus_client
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from bench.harness.command_line import parser
from service.api.outcome import Facts, Outcome
from service.observability.log import EventLog, ServiceLog
from service.observability.log_format import encode_json
from service.observability.log_writer import LineWriter
from service.observability.metrics import (
    REQUEST_BOUNDS,
    PoolMetrics,
    RequestMetrics,
    ScoringMetrics,
    ServedModel,
)
from service.observability.redaction import Redactor
from service.observability.request_record import RequestRecord
from service.observability.status import LastMinute, SlotSnapshot, Snapshot
from service.observability.telemetry import Telemetry
from service.observability.tracing import Tracing

REPEATS = 5

MODEL = ServedModel("demo", "sha256:" + "0" * 64, 24)

STAGES = (("decode", 0.08), ("embed", 1.9), ("cluster", 0.1), ("similarity", 0.2), ("encode", 0.1))

OUTCOME = Outcome("ok", b"", Facts(3, 3, 120, 110, STAGES, ((1, 2), (7, 1))), 0, 0.05, 2.5, 1)

SNAPSHOT = Snapshot(tuple(SlotSnapshot(n, 100 + n, "ready", 9, 0, 1 << 24) for n in range(8)), 0, 0.0, 0)

# As long as the line of one scored request.
LINE = "x" * 400

FLAGS = {"sampled": b"01", "not sampled": b"00"}


def record(flag: str = "sampled") -> RequestRecord:
    """Return a request that was scored."""
    fields = {b"traceparent": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-" + FLAGS[flag]}
    request_id = "0af7651916cd43dd8448eb211c80319c"
    return RequestRecord(
        request_id, fields, "POST", 10.0, 10.003, "/score", 200, "ok", "ann", OUTCOME, 10.0029
    )


class DiscardingExporter(SpanExporter):
    """Takes every span at once and sends it nowhere."""

    def export(self, spans: object) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def cost(step: Callable[[], object], requests: int) -> tuple[float, float]:
    """Return microseconds a request, of this thread and of the whole process: the least of `REPEATS` runs."""
    best = (float("inf"), float("inf"))
    for _ in range(REPEATS):
        begun, cpu = time.thread_time(), time.process_time()
        for _ in range(requests):
            step()
        spent = time.thread_time() - begun, time.process_time() - cpu
        best = min(best, spent)
    return best[0] / requests * 1e6, best[1] / requests * 1e6


@contextmanager
def emptied_pipe() -> Iterator[int]:
    """Yield the writing end of a pipe that another process empties."""
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as reader:
        assert reader.stdin is not None
        yield reader.stdin.fileno()


def parts(log: EventLog) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the name of each part of the telemetry, and a step that tells it of one request."""
    one = record()
    requests, pool, scoring, status = (
        RequestMetrics(),
        PoolMetrics(),
        ScoringMetrics(MODEL),
        LastMinute(time.monotonic),
    )
    service = ServiceLog(log)
    yield "metrics of the request", lambda: requests.ended(one)
    yield "metrics of the call", lambda: pool.called([0.00005])
    yield "metrics of the outcome", lambda: scoring.finished(OUTCOME)
    yield "the last minute", lambda: status.ended(one)
    yield "the line in the log", lambda: service.request(one)


def whole(telemetry: Telemetry, one: RequestRecord) -> Callable[[], None]:
    """Return a step that tells all of the telemetry of one request."""

    def step() -> None:
        telemetry.began(one)
        telemetry.called(0, [0.00005])
        telemetry.finished("ann", OUTCOME)
        telemetry.ended(one)

    return step


def usual_metrics() -> tuple[prometheus_client.CollectorRegistry, Callable[[], None]]:
    """Return a step that counts the same with prometheus-client, whose label children are looked up once."""
    registry = prometheus_client.CollectorRegistry()

    def histogram(name: str, labels: Sequence[str] = ()) -> prometheus_client.Histogram:
        return prometheus_client.Histogram(name, name, labels, buckets=REQUEST_BOUNDS, registry=registry)

    def counter(name: str, labels: Sequence[str] = ()) -> prometheus_client.Counter:
        return prometheus_client.Counter(name, name, labels, registry=registry)

    requests = histogram("request_seconds", ("method", "route", "status"))
    children = [requests.labels("POST", "/score", str(status)) for status in range(200, 240)]
    stages = histogram("stage_seconds", ("stage",))
    observed = [children[0], histogram("wait"), histogram("batch"), histogram("unknown")]
    observed += [stages.labels(name) for name, _ in STAGES]
    clusters = counter("clusters", ("cluster",))
    counted = [counter("documents"), counter("pairs"), clusters.labels("1"), clusters.labels("7")]
    active = prometheus_client.Gauge("active", "active", registry=registry)

    def step() -> None:
        active.inc()
        for one in observed:
            one.observe(0.003)
        for another in counted:
            another.inc()
        active.dec()

    return registry, step


def usual_log(fd: int) -> Callable[[], None]:
    """Return a step that logs a shorter line with the standard library, which waits for the reader of the pipe."""

    class Formatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            fields = {name: vars(record)[name] for name in ("request_id", "subject", "status", "duration_ms")}
            return json.dumps({"time": self.formatTime(record), "level": record.levelname, **fields})

    logger = logging.Logger("usual", logging.INFO)  # noqa: LOG001 - in no registry of loggers
    handler = logging.StreamHandler(os.fdopen(fd, "w", closefd=False))
    handler.setFormatter(Formatter())
    logger.addHandler(handler)
    fields = {"request_id": "0" * 32, "subject": "ann", "status": 200, "duration_ms": 3.0}
    return lambda: logger.info("request", extra=fields)


@contextmanager
def direct_lines(fd: int) -> Iterator[Callable[[], None]]:
    """Yield a step that gives one ready line to a `LineWriter` with room for all: a dropped line costs less."""
    line = LINE.encode() + b"\n"
    writer = LineWriter(fd, capacity=1 << 30)
    yield lambda: writer.write(line)
    writer.close(timeout_s=60)


@contextmanager
def queued_lines(fd: int) -> Iterator[Callable[[], None]]:
    """Yield a step that gives one ready line to `QueueHandler`; a `QueueListener` writes it in its thread."""
    lines: queue.Queue[logging.LogRecord] = queue.Queue()
    logger = logging.Logger("queued", logging.INFO)  # noqa: LOG001 - not to be found by anybody else
    logger.addHandler(logging.handlers.QueueHandler(lines))
    listener = logging.handlers.QueueListener(lines, logging.StreamHandler(os.fdopen(fd, "w", closefd=False)))
    listener.start()
    yield lambda: logger.info(LINE)
    listener.stop()


def report(name: str, step: Callable[[], object], requests: int) -> None:
    """Measure and print one row."""
    loop, cpu = cost(step, requests)
    print(f"  {name:<40} {loop:8.1f} {cpu:8.1f}")


def report_scrape(name: str, scrape: Callable[[], bytes]) -> None:
    """Measure and print how many milliseconds one answer takes, and how many lines it has."""
    print(f"  {name:<40} {cost(scrape, 20)[0] / 1e3:8.2f} {len(scrape().splitlines()):8}")


def main() -> None:
    """Print the tables."""
    options_parser = parser(__doc__)
    help_text = "in a row (5000); the buffer of the log holds twice as many lines"
    options_parser.add_argument("--requests", type=int, default=5_000, help=help_text)
    requests = options_parser.parse_args().requests
    with emptied_pipe() as fd:
        writer = LineWriter(fd)
        log = EventLog(writer, encode_json, Redactor(["s" * 40]), logging.INFO)
        telemetry = Telemetry(MODEL, ServiceLog(log), time.monotonic)
        registry, usual = usual_metrics()
        print(f"  {'microseconds a request':<40} {'loop':>8} {'cpu':>8}")
        for name, step in parts(log):
            report(name, step, requests)
        report("all of it", whole(telemetry, record()), requests)
        for flag in FLAGS:
            tracing = Tracing(BatchSpanProcessor(DiscardingExporter()))
            traced = Telemetry(MODEL, ServiceLog(log), time.monotonic, tracing)
            report(f"all of it, with traces, {flag}", whole(traced, record(flag)), requests)
            tracing.close()
        report("the metrics by prometheus-client", usual, requests)
        report("a line by logging and json", usual_log(fd), requests)
        for name, opened in (("LineWriter", direct_lines(fd)), ("QueueHandler", queued_lines(fd))):
            with opened as step:
                report(f"a ready line by {name}", step, requests)
        print(f"\n  {'milliseconds of the event loop':<40} {'each':>8} {'lines':>8}")
        report_scrape("/metrics", lambda: telemetry.metrics(SNAPSHOT))
        report_scrape("/metrics by prometheus-client", lambda: prometheus_client.generate_latest(registry))
        report_scrape("/status", lambda: telemetry.status(SNAPSHOT))
        writer.close()
