"""What the benchmark knows of a system: how it is started, asked and probed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Scoring = Literal["question", "scorepool"]
Kind = Literal["product", "peer", "question"]


@dataclass(frozen=True, slots=True)
class System:
    """One system. {port} {port1} {port2} {workers} {timeout} {folder} are filled in where it has texts.

    name: in results and on the command line; title: in the report; kind: whose it is.
    environment: the folder under .local/peers (or the product's own), whose `versions` are reported.
    commands: each one process; the last is the one that listens, and whose end is the end of the system.
    programs: what it needs that is not in its environment.
    form: see `documents.wrapped`. health: the path that its documentation offers to a liveness probe.
    files: written into its scratch folder before it starts.
    workers_in: the index of the command whose processes score; worker_title: see `Family.busiest`.
    why: one sentence on why this set-up is fair, for the report.
    """

    name: str
    title: str
    kind: Kind
    environment: str
    commands: tuple[tuple[str, ...], ...]
    health: str
    why: str
    versions: tuple[str, ...]
    path: str = "/score"
    programs: tuple[str, ...] = ()
    form: str = "raw"
    scoring: Scoring = "scorepool"
    workers_in: int = -1
    worker_title: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Site:
    """Where and how one start of a system happens. timeout_s: its request timeout, where it offers one."""

    folder: Path
    ports: tuple[int, ...]
    workers: int = 2
    timeout_s: int = 30

    def fill(self, template: str) -> str:
        """Replace the {names} of a template; JSON braces in it are untouched."""
        values = {f"port{i or ''}": port for i, port in enumerate(self.ports)}
        names = {**values, "workers": self.workers, "timeout": self.timeout_s, "folder": self.folder}
        for name, value in names.items():
            template = template.replace("{" + name + "}", str(value))
        return template
