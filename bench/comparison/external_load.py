"""The load of the comparison, by generators that others can check: wrk and k6.

    peak       wrk, closed loop: each connection sends its next request when it has its answer; the most answers
    arrivals   k6, open loop: requests are due at fixed moments, whether or not earlier ones were answered; the waits

In the open loop a latency counts from the moment at which the request was due (no coordinated omission).
"""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bench.comparison.environments import K6

HERE = Path(__file__).parent

CONNECTIONS = 16

# A request without an answer within this is lost.
TIMEOUT_S = 20.0

# How long a client whose request failed waits before its next one, as a client with a retry policy would.
PAUSE_S = 0.2

# Virtual users of an open loop; more would only measure how much memory the load generator has.
MAX_USERS = 400


class LoadError(Exception):
    """A load generator failed, and what it measured cannot be used."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go. folder: holds them as files, in the form that the system takes."""

    url: str
    folder: Path
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(list(self.folder.iterdir()))


@dataclass(frozen=True, slots=True)
class Peak:
    """What wrk counted. refused: a status of 400 or more; broken: connections; late: no answer in time."""

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
    """One request of a k6 run. ended: Unix seconds. latency_ms: since it was due. status: 0 without an answer."""

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
    """Load `target` in a closed loop for `seconds` (whole ones) with one wrk thread.

    Raises: LoadError when it cannot run or reach the target.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise LoadError("wrk is not installed; apt-get install wrk")
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", f"{TIMEOUT_S:.0f}s"]
    command += ["-s", str(HERE / "wrk.lua"), target.url, "--"]
    command += ["/" + target.url.split("/", 3)[3], str(target.folder), str(target.count)]
    command += [f"{name}: {value}" for name, value in target.headers.items()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + TIMEOUT_S)
    if done.returncode:
        raise LoadError(f"wrk: {(done.stderr or done.stdout)[-300:].strip()}")
    return Peak(**json.loads(done.stdout.strip().splitlines()[-1]))


@dataclass(frozen=True, slots=True)
class Schedule:
    """When requests are due: at `rate` a second, on a ramp from none to `peak`, or from `users` at once.

    users: a closed loop as in the function `peak`, but every answer is noted.
    huge: a folder whose requests are sent as well, one for every hundred others.
    timeout_s: how long a client waits for an answer.
    """

    seconds: float
    rate: float = 0
    peak: float = 0
    users: int = 0
    huge: Path | None = None
    timeout_s: float = TIMEOUT_S

    def scenarios(self) -> dict[str, Any]:
        """Return the k6 scenarios: an executor each and its options."""
        common = {"duration": f"{self.seconds * 1e3:.0f}ms", "gracefulStop": f"{self.timeout_s * 1e3:.0f}ms"}
        if self.users:
            return {"load": common | {"executor": "constant-vus", "vus": self.users}}
        if self.peak:
            stages = [{"target": round(self.peak), "duration": common.pop("duration")}]
            ramp = {"executor": "ramping-arrival-rate", "startRate": 0, "stages": stages}
            return {"load": common | ramp | self._users(self.peak)}
        arriving = {"load": common | _constant(self.rate) | self._users(self.rate)}
        if self.huge:
            few = _constant(self.rate / 100) | self._users(self.rate / 100)
            arriving["huge"] = common | few | {"exec": "sendHuge"}
        return arriving

    def _users(self, rate: float) -> dict[str, int]:
        """Return as many virtual users as wait at once when no request is answered; k6 drops arrivals beyond."""
        return {"preAllocatedVUs": max(16, min(MAX_USERS, round(rate * self.timeout_s)))}


def _constant(rate: float) -> dict[str, Any]:
    # k6 takes whole numbers, so the rate is given as arrivals in a hundred seconds.
    return {"executor": "constant-arrival-rate", "rate": max(1, round(rate * 100)), "timeUnit": "100s"}


class Arrivals:
    """A k6 run in the background; `wait` returns its answers."""

    def __init__(self, target: Target, schedule: Schedule) -> None:
        self.schedule = schedule
        self._output = tempfile.NamedTemporaryFile("r", suffix=".txt")  # noqa: SIM115  closed by close
        settings = {
            "url": target.url,
            "folder": str(target.folder),
            "count": target.count,
            "headers": {"Content-Type": "application/json"} | dict(target.headers),
            "huge": str(schedule.huge) if schedule.huge else None,
            "huge_rate": schedule.rate / 100,
            "rate": schedule.rate,
            "peak": round(schedule.peak),
            "seconds": schedule.seconds,
            "timeout_ms": schedule.timeout_s * 1e3,
            "pause_s": PAUSE_S,
            "scenarios": schedule.scenarios(),
        }
        options = ["--quiet", "--no-summary", "--no-usage-report", "--log-format", "raw", "--address", ""]
        command = [str(K6), "run", *options, "--console-output", self._output.name, str(HERE / "k6.js")]
        environment = {"SETTINGS": json.dumps(settings)}
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed by close
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=self._errors
        )

    def await_first(self, limit_s: float = 20.0) -> None:
        """Wait until the first request has ended; k6 takes a moment to make its virtual users."""
        deadline = time.monotonic() + limit_s
        while Path(self._output.name).stat().st_size == 0 and time.monotonic() < deadline:
            if self._process.poll() is not None:
                return
            time.sleep(0.01)

    def wait(self) -> list[Answered]:
        """Wait until every request has ended; return them in the order in which they were due.

        Raises: LoadError when k6 did not run.
        """
        try:
            if self._process.wait(self.schedule.seconds + self.schedule.timeout_s + 30):
                self._errors.seek(0)
                raise LoadError(f"k6: {self._errors.read()[-600:]}")
            return parse(self._output.read())
        finally:
            self.close()

    def close(self) -> None:
        """End the load at once."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._output.close()
        self._errors.close()


def arrivals(target: Target, schedule: Schedule) -> list[Answered]:
    """Run a schedule to its end and return its answers."""
    return Arrivals(target, schedule).wait()


def parse(lines: str) -> list[Answered]:
    """Read what k6.js printed.

    The schedule in k6.js and that of k6 begin some milliseconds apart. The request that was sent least late is
    taken to have been on time.
    """
    rows = [[float(value) for value in line.split()] for line in lines.splitlines()]
    offset = min((late for _, _, late, _, _ in rows), default=0.0)
    answers = [
        Answered(ended / 1e3, took + late - offset, int(status), huge == 1)
        for ended, took, late, status, huge in rows
    ]
    return sorted(answers, key=lambda answer: answer.due)
