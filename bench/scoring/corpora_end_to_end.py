"""Corpora end to end, as users score them: here, as a job over HTTP, on a Dask cluster; and how the time grows.

    python -m bench corpora_end_to_end
    python -m bench corpora_end_to_end --picture corpora.png --sizes 5000 20000 50000 200000

The first scores the descriptions of Debian packages, about 60,000, with their 10 nearest neighbours, and compares the
answers byte by byte; the second scores passages of news texts by `scorepool score` in one process and in two. Each
run is of the commands themselves, from the file of texts to that of lines, their start included.

    documents/s   of the wall clock
    picture       the processor time of all processes of a run, which other load on the machine changes little
    peak          the most memory that each process had resident (VmHWM), its files' mapped pages included
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import psutil

from bench.harness.command_line import bundle_path, parser
from bench.harness.descriptions import descriptions
from bench.harness.documents import corpus
from bench.harness.results import Figure, collect, save
from bench.harness.server import secret, serving
from bench.scoring.passages import passages

NEIGHBOURS = "10"
SIZES = (5_000, 10_000, 20_000, 50_000, 100_000, 200_000)
PROCESSES = (1, 2)
_SAMPLE_S = 0.1
# Helpers of Python's and Dask's that hold nothing of a corpus.
_HELPERS = ("resource_tracker", "forkserver")


@dataclass
class Run:
    """One run: its seconds, and the peak of each process in MB by its number."""

    seconds: float = 0.0
    peaks: dict[int, int] = field(default_factory=dict)

    def line(self, name: str, documents: int) -> str:
        """Return the figures in words."""
        peaks = " ".join(map(str, sorted(self.peaks.values(), reverse=True)))
        return (
            f"{name}: {self.seconds:.1f} s, {documents / self.seconds:,.0f} documents/s, peak MB {peaks}; "
            f"load average {os.getloadavg()[0]:.1f}"
        )


@contextmanager
def watched() -> Iterator[Run]:
    """Time the block, and watch the memory of all processes below this one."""
    run, ended = Run(), threading.Event()

    def watch() -> None:
        while not ended.wait(_SAMPLE_S):
            for process in psutil.Process().children(recursive=True):
                _note_peak(run, process)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    try:
        yield run
    finally:
        run.seconds = time.perf_counter() - began
        ended.set()
        watcher.join()


def _note_peak(run: Run, process: psutil.Process) -> None:
    try:
        command = " ".join(process.cmdline())
        status = Path(f"/proc/{process.pid}/status").read_text()
    except (OSError, psutil.Error):
        return
    peak = next((int(line.split()[1]) >> 10 for line in status.splitlines() if line.startswith("VmHWM")), 0)
    if peak and not any(helper in command for helper in _HELPERS):
        run.peaks[process.pid] = peak


def command(*arguments: str) -> str:
    """Run `scorepool` with arguments; return what it printed. Raises: CalledProcessError."""
    # A thread a process: more of them wait for each other where other work runs beside.
    environment = {**os.environ, "SCOREPOOL_JWT_SECRET": secret(), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def write(texts: Sequence[str], path: Path) -> None:
    """Write a corpus as JSON lines."""
    with path.open("wb") as file:
        for number, text in enumerate(texts):
            file.write(orjson.dumps({"id": str(number), "text": text}) + b"\n")


def score_here(bundle: Path, corpus_file: Path, output: Path, *options: str) -> Run:
    """Run `scorepool score`."""
    with watched() as run:
        command(
            *("score", "--bundle", str(bundle), "--neighbours", NEIGHBOURS, "--output", str(output)),
            *(*options, str(corpus_file)),
        )
    return run


def score_as_job(bundle: Path, corpus_file: Path, output: Path) -> Run:
    """Submit a job to a server of its own, wait for it, and fetch the lines. The server's start is not counted."""
    state = output.with_suffix(".state")
    state.mkdir(mode=0o700)
    with serving(bundle, 2, state_dir=state) as server, watched() as run:
        url = ("--url", server.url)
        job = command("jobs", "submit", "--neighbours", NEIGHBOURS, *url, "--watch", str(corpus_file))
        command("jobs", "get", *url, "--output", str(output), job.split()[0])
    return run


def compare_ways(bundle: Path, folder: Path) -> list[Figure]:
    """Score one corpus in every way, print each, and compare the answers."""
    texts = descriptions()
    corpus_file = folder / "corpus.jsonl"
    write(texts, corpus_file)
    runs: dict[str, Run] = {}
    answers: dict[str, bytes] = {}
    for name, options in (
        ("one process", ["--processes", "1"]),
        ("two processes", ["--processes", "2"]),
        ("cluster local:4", ["--cluster", "local:4"]),
        ("job over HTTP, two workers", None),
    ):
        output = folder / f"{len(runs)}.jsonl"
        runs[name] = (
            score_as_job(bundle, corpus_file, output)
            if options is None
            else score_here(bundle, corpus_file, output, *options)
        )
        answers[name] = output.read_bytes()
        equal = answers[name] == answers["one process"]
        print(runs[name].line(name, len(texts)), f"{'equal' if equal else 'NOT EQUAL'}", sep="; ", flush=True)
    return [
        Figure(f"{name}/documents", "1/s", "higher", [len(texts) / run.seconds]) for name, run in runs.items()
    ]


def measure_growth(bundle: Path, folder: Path, options: argparse.Namespace) -> list[Figure]:
    """Score every size in one process and in two; print, and draw the picture."""
    texts = passages(corpus(), max(options.sizes))
    seconds: dict[int, list[float]] = {count: [] for count in PROCESSES}
    for size in options.sizes:
        write(texts[:size], folder / "corpus.jsonl")
        for count in PROCESSES:
            before = processor_s()
            run = score_here(
                bundle, folder / "corpus.jsonl", folder / "out", "--force", "--processes", str(count)
            )
            seconds[count].append(processor_s() - before)
            name = f"{size:,} documents, {count} processes, {seconds[count][-1]:.1f} s of processors"
            print(run.line(name, size), flush=True)
        draw(options.sizes[: len(seconds[1])], seconds, options.picture)
    return [
        Figure(f"processes {count}/{size}", "s", "lower", [value])
        for count, values in seconds.items()
        for size, value in zip(options.sizes, values, strict=True)
    ]


def processor_s() -> float:
    """Return the processor time of all processes below this one that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def draw(sizes: Sequence[int], seconds: dict[int, list[float]], path: Path) -> None:
    """Draw processor seconds against documents, both logarithmic, and n² through the last point of each line."""
    from matplotlib.figure import Figure as Drawing  # noqa: PLC0415  # needed for a picture alone

    drawing = Drawing(figsize=(7, 5), layout="constrained")
    axes = drawing.subplots()
    for count, values in seconds.items():
        (line,) = axes.plot(sizes, values, "o-", label=f"{count} process{'es' if count > 1 else ''}")
        fit = [values[-1] * (size / sizes[-1]) ** 2 for size in sizes]
        axes.plot(sizes, fit, ":", color=line.get_color(), label=f"n² through {sizes[-1]:,}")
    axes.set(xscale="log", yscale="log", xlabel="documents", ylabel="processor seconds", ylim=(0.5, None))
    axes.set_title(f"scorepool score, the {NEIGHBOURS} nearest of each, end to end")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, dpi=150)


def main() -> None:
    """Measure, print, save."""
    options_parser = parser(__doc__, "bundle", "picture")
    options_parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    options = options_parser.parse_args()
    bundle = bundle_path(options.bundle)
    with tempfile.TemporaryDirectory() as folder:
        if options.picture:
            figures = measure_growth(bundle, Path(folder), options)
        else:
            figures = compare_ways(bundle, Path(folder))
    print(save(collect("corpora_end_to_end", {"neighbours": int(NEIGHBOURS)}, figures)))


if __name__ == "__main__":
    main()
