"""The load: wrk for the peak throughput of a closed loop, k6 for arrivals on a schedule.

    peak       N connections, each sends its next request when it has its answer: what can the system do at most?
    arrivals   requests are due at fixed moments whether or not earlier ones were answered: how long do clients wait?

In the open loop a latency counts from the moment at which the request was due (no coordinated omission).
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bench.places import HERE, K6

CONNECTIONS = 16

# No answer within this is a lost request.
TIMEOUT_S = 20.0

# Virtual users of an open loop; more would only measure how much memory the load generator has.
MAX_USERS = 400


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go: `folder` holds them as files in the form that the system takes."""

    url: str
    folder: Path
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(list(self.folder.iterdir()))


@dataclass(frozen=True, slots=True)
class Peak:
    """What wrk saw. refused: answered with a status of 400 or more; broken: connections; late: no answer in time."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    refused: int
    broken: int
    late: int

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return (self.requests - self.refused) / self.seconds


class Answered(NamedTuple):
    """One request of a k6 run: when it ended (Unix seconds), how long its client waited, how it ended (0: no answer)."""

    ended: float
    latency_ms: float
    status: int
    huge: bool

    @property
    def ok(self) -> bool:
        return self.status == 200

    @property
    def due(self) -> float:
        return self.ended - self.latency_ms / 1e3


def peak(target: Target, seconds: float, connections: int = CONNECTIONS) -> Peak:
    """Load `target` in a closed loop for `seconds` (whole ones) with one wrk thread."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError("wrk is not installed; apt-get install wrk")
    path = target.url.split("/", 3)[3]
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", f"{TIMEOUT_S:.0f}s"]
    command += ["-s", str(HERE / "wrk.lua"), target.url, "--", f"/{path}", str(target.folder), str(target.count)]
    command += [f"{name}: {value}" for name, value in target.headers.items()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + TIMEOUT_S)
    return Peak(**json.loads(done.stdout.strip().splitlines()[-1]))


@dataclass(frozen=True, slots=True)
class Schedule:
    """When requests are due: at `rate` a second, on a ramp from none to `peak` a second, or from `users` at once.

    `users` is a closed loop as in `peak`, but every answer is noted. huge: the folder from which every hundredth
    request comes. timeout_s: when a client gives up.
    """

    seconds: float
    rate: float = 0
    peak: float = 0
    users: int = 0
    huge: Path | None = None
    timeout_s: float = TIMEOUT_S

    def scenario(self) -> dict[str, Any]:
        """Return the k6 executor and its options."""
        duration = f"{self.seconds * 1000:.0f}ms"
        stop = {"gracefulStop": f"{self.timeout_s * 1000:.0f}ms"}
        if self.users:
            return {"executor": "constant-vus", "vus": self.users, "duration": duration} | stop
        highest = self.rate or self.peak
        users = {"preAllocatedVUs": max(16, min(MAX_USERS, round(highest * self.timeout_s))), **stop}
        if self.peak:
            stages = [{"target": round(self.peak), "duration": duration}]
            return {"executor": "ramping-arrival-rate", "startRate": 0, "timeUnit": "1s", "stages": stages} | users
        # k6 takes whole numbers: so many arrivals in ten seconds.
        every = {"rate": max(1, round(self.rate * 10)), "timeUnit": "10s"}
        return {"executor": "constant-arrival-rate", "duration": duration} | every | users

    @property
    def requests(self) -> int:
        """How many requests an open loop sends unless the load generator falls behind."""
        return round(self.seconds * (self.rate or self.peak / 2))


class Arrivals:
    """A k6 run in the background; `wait` returns its answers."""

    def __init__(self, target: Target, schedule: Schedule) -> None:
        self.schedule = schedule
        self._output = tempfile.NamedTemporaryFile("r", suffix=".txt")  # noqa: SIM115  closed by wait or close
        settings = {
            "url": target.url,
            "folder": str(target.folder),
            "count": target.count,
            "headers": {"Content-Type": "application/json"} | dict(target.headers),
            "huge": str(schedule.huge) if schedule.huge else None,
            "open": not schedule.users,
            "rate": max(1, round(schedule.rate * 10)) / 10 if schedule.rate else 0,
            "peak": round(schedule.peak),
            "seconds": schedule.seconds,
            "timeout_ms": schedule.timeout_s * 1000,
            "pause_s": 0.2,
            "scenario": schedule.scenario(),
        }
        options = ["--quiet", "--no-summary", "--no-usage-report", "--log-format", "raw", "--address", ""]
        command = [str(K6), "run", *options, "--console-output", self._output.name, str(HERE / "arrivals.js")]
        self._process = subprocess.Popen(
            command, env={"SETTINGS": json.dumps(settings)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def wait(self) -> list[Answered]:
        """Wait until every request has ended; return them in the order in which they were due."""
        try:
            self._process.wait(self.schedule.seconds + self.schedule.timeout_s + 30)
            return parse(self._output.read())
        finally:
            self.close()

    def close(self) -> None:
        """End the load at once."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._output.close()


def arrivals(target: Target, schedule: Schedule) -> list[Answered]:
    """Run a schedule to its end and return its answers."""
    return Arrivals(target, schedule).wait()


def parse(lines: str) -> list[Answered]:
    """Read what arrivals.js printed.

    Its schedule and k6's own start some milliseconds apart; the request that was sent the least late was on time.
    """
    rows = [[float(value) for value in line.split()] for line in lines.splitlines()]
    offset = min((late for _, _, late, _, _ in rows), default=0.0)
    answers = [
        Answered(ended / 1e3, took + late - offset, int(status), huge == 1) for ended, took, late, status, huge in rows
    ]
    return sorted(answers, key=lambda answer: answer.due)
