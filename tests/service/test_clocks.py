"""What may depend on the time of day, which can jump; everything else is on clocks that only go forward."""

import ast
from pathlib import Path

# Tokens have dates, also those of a measurement; a log and spans have times; a bundle has the date of its creation, and
# the metrics that of the server's start.
TIME_OF_DAY = {
    "service/auth/tokens.py",
    "service/capacity/server_costs.py",
    "service/cli/issue_token.py",
    "service/cli/output.py",
    "service/http/jobs.py",
    "service/jobs/assembly.py",
    "service/observability/log_format.py",
    "service/observability/process.py",
    "service/observability/tracing.py",
}

CLOCKS = {"time.time", "time.time_ns", "time.strftime", "datetime.now"}


def reads_time_of_day(source: str) -> bool:
    """Return whether code names a clock that follows the time of day."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in CLOCKS:
            return True
        if isinstance(node, ast.ImportFrom) and any(
            f"{node.module}.{each.name}" in CLOCKS for each in node.names
        ):
            return True
    return False


def test_only_dates_follow_the_time_of_day() -> None:
    """A clock that is set moves no deadline, no queue, no back-off and no drain."""
    files = Path("service").rglob("*.py")

    assert {str(file) for file in files if reads_time_of_day(file.read_text("utf-8"))} == TIME_OF_DAY
