"""The report of a run of `sidebyside`: one self-contained page, a Markdown table, a picture for the README.

python -m bench report RESULTS.json                write them again beside the results
python -m bench report RESULTS.json --publish      also put table and picture into README.md and docs
"""

import statistics
from collections.abc import Callable
from html import escape
from pathlib import Path
from string import Template

import msgspec

from bench.comparison import catalogue, charts, faults, tables
from bench.comparison.charts import Bar, Panel
from bench.comparison.goals import PRODUCT, goals, rate
from bench.comparison.record import Record
from bench.comparison.tables import kind_of
from bench.harness.command_line import parser
from bench.harness.paths import ROOT
from bench.harness.results import Results, read

# The systems of the README's picture: the usual set-ups, those that are usually advised instead, the product.
PICTURE = (
    "fastapi-async-uvicorn/own",
    "fastapi-def-uvicorn/own",
    "celery/own",
    "flask-gunicorn",
    "litserve",
    PRODUCT,
)

# Between these marks the README's table is replaced.
BEGIN, END = "<!-- side by side: begin -->", "<!-- side by side: end -->"
PUBLISHED = "docs/sidebyside.svg"


def write(path: Path) -> list[Path]:
    """Write page, table and picture beside a result file; return their paths."""
    results = read(path)
    records = msgspec.convert(results.details["records"], list[Record])
    page, table, picture = (path.with_suffix(suffix) for suffix in (".html", ".md", ".svg"))
    page.write_text(render(results, records))
    table.write_text(tables.markdown(results, records))
    shown = [record for name in PICTURE for record in records if record.name == name]
    picture.write_text(charts.standalone(over_time(shown, records)))
    return [path, page, table, picture]


def render(results: Results, records: list[Record]) -> str:
    """Return the page."""
    by_name = {record.name: record for record in records}
    alone = statistics.fmean(results.details["alone"] or [0.0])
    told = [
        f'<li class="{_mark(goal.met)}">{escape(goal.promise)}: <b>{escape(goal.measured)}</b></li>'
        for goal in goals(by_name, alone)
    ]
    product = by_name.get(PRODUCT)
    storm = product.storm if product else None
    series = [value for record in records if record.storm for value in record.storm.series]
    return Template(Path(__file__).with_name("report.html").read_text()).substitute(
        style=charts.STYLE,
        when=results.date.replace("T", " ").replace("Z", " UTC"),
        machine=escape(str(results.machine)),
        commit=results.machine.commit,
        busy=f"{max((record.busy_before for record in records), default=0):.0%}",
        goals="".join(told),
        storm_rate=f"{storm.rate:.0f}" if storm else "?",
        step=f"{storm.step_s:g}" if storm else "?",
        top=f"{max(series, default=0):.0f}",
        connections=results.settings["connections"],
        multiples=over_time(records, records),
        table=tables.figures(records),
        throughput="".join(_throughput(records, payload) for payload in ("4", "32", "300")),
        health=_bars(records, _health, "health p99", logarithmic=True),
        open_loop=_open_loop(records),
        fault_meanings="".join(f"<li><b>{name}</b>: {what}</li>" for name, what in faults.MEANINGS.items()),
        fault_patience=f"{faults.CLIENT_TIMEOUT_S:g}",
        faults=tables.faults(records)
        if any(record.faults for record in records)
        else "Not tried in this run.",
        timeout=30,
        fault_timeout=faults.TIMEOUT_S,
        systems=tables.systems(records, {system.name: system for system in catalogue.ALL}),
        settings=escape(f"Settings: {results.settings}"),
    )


def _mark(met: bool | None) -> str:
    return "open" if met is None else "met" if met else "missed"


def over_time(shown: list[Record], records: list[Record]) -> str:
    """Draw the answers over time of the `shown` records, each beside those of the product."""
    product = next((record for record in records if record.name == PRODUCT and record.storm), None)
    base = product.storm.series if product and product.storm else []
    panels = [
        Panel(
            record.title,
            f"p99 {tables.milliseconds(record.storm.latency.p99_ms)}, silent {record.storm.silence_s:.2f} s",
            kind_of(record),
            base if record is product else record.storm.series,
        )
        for record in shown
        if record.storm
    ]
    return charts.multiples(panels, base, what="answers a second over time, a chart for each system")


def _throughput(records: list[Record], payload: str) -> str:
    def bar(record: Record) -> Bar | None:
        middle = rate(record, payload)
        if middle is None:
            return None
        rates = [cell.rate for cell in record.closed[payload]]
        return _bar(record, middle, min(rates), max(rates), tables.count(middle))

    title = f"<h3>{payload} documents a request, answers a second</h3>"
    return f'{title}<div class="scroll">{_bars(records, bar, f"{payload} documents")}</div>'


def _health(record: Record) -> Bar | None:
    if "300" not in record.closed:
        return None
    healths = [cell.health for cell in record.closed["300"]]
    p99, slowest = max(health.p99_ms for health in healths), max(health.max_ms for health in healths)
    return _bar(record, p99, p99, slowest, tables.milliseconds(p99))


def _open_loop(records: list[Record]) -> str:
    def sustained(record: Record) -> Bar | None:
        value = record.ramp.sustained if record.ramp else None
        return None if value is None else _bar(record, value, value, value, tables.count(value))

    def small(record: Record) -> Bar | None:
        value = record.mix.latency.p99_ms if record.mix else None
        return None if value is None else _bar(record, value, value, value, tables.milliseconds(value))

    limit = next((record.ramp.limit_ms for record in records if record.ramp), 0)
    mixed = next((record.mix.rate for record in records if record.mix), 0)
    ramped = f"<h3>32 documents on a ramp: arrivals a second while p99 stays under {limit:.0f} ms</h3>"
    mixture = f"<h3>4 documents at {mixed:.0f} a second, one of 1,000 in every hundred: p99 of the small</h3>"
    parts = []
    if limit:
        parts += [ramped, '<div class="scroll">', _bars(records, sustained, "sustained rate"), "</div>"]
    if mixed:
        parts += [mixture, '<div class="scroll">', _bars(records, small, "mix", logarithmic=True), "</div>"]
    return "".join(parts) or "<p>Not measured in this run.</p>"


def _bars(
    records: list[Record], bar: Callable[[Record], Bar | None], what: str, *, logarithmic: bool = False
) -> str:
    rows = [made for record in records if (made := bar(record))]
    return charts.bars(rows, what=what, logarithmic=logarithmic)


def _bar(record: Record, value: float, low: float, high: float, label: str) -> Bar:
    return Bar(record.title, kind_of(record), value, low, high, label)


def publish(table: Path, picture: Path, root: Path = ROOT) -> None:
    """Put the table between the marks in the README, and the picture into the file that the README shows.

    Raises: ValueError when the README has no marks.
    """
    readme = root / "README.md"
    before, begin, rest = readme.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"README.md: the marks {BEGIN} and {END} are missing")
    (root / PUBLISHED).parent.mkdir(exist_ok=True)
    (root / PUBLISHED).write_text(picture.read_text())
    readme.write_text(f"{before}{BEGIN}\n{table.read_text()}{END}{after}", "utf-8")


def main() -> None:
    """Write the report of a result file."""
    options_parser = parser(__doc__)
    options_parser.add_argument("results", type=Path)
    help_text = "put table and picture into README.md and docs"
    options_parser.add_argument("--publish", action="store_true", help=help_text)
    options = options_parser.parse_args()
    files = write(options.results)
    if options.publish:
        publish(files[2], files[3])
    for path in files:
        print(path)
