"""Result files: what every scenario writes and the comparison reads.

A file is JSON: which scenario, when, on which machine, with which settings, and its figures, each with one
value for every repeat. A scenario may add `details` of its own for its report.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from bench import machine
from bench.places import RESULTS


class Figure(msgspec.Struct, frozen=True):
    """One measured quantity: a value for each repeat.

    name: unique in its file, from the general to the particular, such as `litserve/300/requests`.
    """

    name: str
    unit: str
    better: Literal["higher", "lower"]
    values: list[float]


class Results(msgspec.Struct):
    """One run of one scenario."""

    scenario: str
    date: str
    machine: machine.Machine
    settings: dict[str, Any]
    figures: list[Figure]
    details: Any = None


def collect(
    scenario: str, settings: Mapping[str, Any], figures: Sequence[Figure], details: Any = None
) -> Results:
    """Put a run's figures together with the date and the machine."""
    date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Results(scenario, date, machine.look(), dict(settings), list(figures), details)


def save(results: Results) -> Path:
    """Write a result file under bench/results, named after scenario and time; return its path."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    stamp = results.date.replace(":", "").replace("-", "")
    path = RESULTS / f"{results.scenario}-{stamp}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1))
    return path


def read(path: Path) -> Results:
    """Read a result file.

    Raises: ValueError when it is none.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Results)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path}: not a result file of this benchmark: {error}") from error
