"""`scorepool capacity`: measures this machine, and simulates what a load needs."""

from collections.abc import Mapping
from functools import partial
from itertools import islice
from typing import Any

import click
import orjson

from scoring.progress import Progress
from scoring.texts.corpus import read_documents, texts_of
from service.capacity.measurement import Measurement, Sample, measure
from service.capacity.replica import Machine
from service.capacity.report import as_json, as_text
from service.capacity.simulation import Balancer, Report
from service.capacity.sizing import MAX_REPLICAS, Question, load_of, plan
from service.capacity.texts import MIN_TEXTS
from service.cli.input_errors import InputError, input_errors
from service.cli.options import PATH, SEED, FiniteRange, reading_options
from service.cli.progress import progress_bars
from service.cpus import usable_cpus
from service.errors import StartError
from service.limits import PoolLimits, RequestLimits

_DEFAULTS = PoolLimits()


@click.command()
@click.option("--bundle", required=True, type=PATH, envvar="SCOREPOOL_BUNDLE", help="The model to measure.")
@click.option("--documents", required=True, type=click.IntRange(1, 100_000), help="Of each request.")
@click.option(
    "--rate",
    required=True,
    type=FiniteRange(0, 100_000, min_open=True),
    help="Requests a second, in all.",
)
@click.option(
    "--target-p99-ms",
    default=1000.0,
    show_default=True,
    type=FiniteRange(0, min_open=True),
    help="From a request to its scores; and no more than one request of 1,000 may be refused.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    help="Of each replica  [default: what is needed of its processors]",
)
@click.option("--replicas", type=click.IntRange(1, MAX_REPLICAS), help="  [default: as few as are enough]")
@click.option(
    "--cpus",
    type=FiniteRange(0, 1024, min_open=True),
    help="Of each replica, all like this machine's  [default: those that this process may use]",
)
@click.option(
    "--balancer",
    default=Balancer.LEAST_CONNECTIONS.value,
    show_default=True,
    type=click.Choice([balancer.value for balancer in Balancer]),
    help="How requests are spread over replicas.",
)
@click.option(
    "--subjects", default=1, show_default=True, type=click.IntRange(1, 10_000), help="Tokens' subjects."
)
@click.option(
    "--queue-budget-s",
    default=_DEFAULTS.queue_budget_s,
    show_default=True,
    type=FiniteRange(0.001, 3600),
    help="As of `serve`.",
)
@click.option(
    "--request-timeout-s",
    default=30.0,
    show_default=True,
    type=FiniteRange(0.001, 3600),
    help="As of `serve`.",
)
@click.option("--corpus", type=PATH, help="Texts to measure with  [default: made of the model's own words]")
@reading_options(ids=False)
@click.option(
    "--unknown",
    default=0.05,
    show_default=True,
    type=FiniteRange(0, 1),
    help="Without --corpus: the share of words that the model does not know. Each costs as much as a hundred others.",
)
@SEED
@click.option(
    "--seconds",
    default=2.0,
    show_default=True,
    type=FiniteRange(0.1),
    help="To measure each figure. More where the machine has other work.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
@input_errors()
def command(**options: Any) -> None:
    """Say what this machine can serve, and what a load needs.

    It measures for half a minute what requests cost a worker and the server, with the model, on this machine, which
    should have nothing else to do. Then it simulates the load, with the server's own admission and scheduling, for
    fleets of different sizes, until it has found the smallest that is enough.
    """
    target_p99_s = options["target_p99_ms"] / 1e3
    with progress_bars() as report:
        measured = _measure(options, report)
        found = plan(_question(options, measured), partial(_simulation_progress, report))
    if options["json_wanted"]:
        click.echo(orjson.dumps(as_json(measured, found, target_p99_s), option=orjson.OPT_INDENT_2))
    else:
        click.echo(as_text(measured, found, target_p99_s))


def _measure(options: Mapping[str, Any], report: Progress) -> Measurement:
    documents, corpus = options["documents"], options["corpus"]
    texts: tuple[str, ...] = ()
    if corpus is not None:
        read = texts_of(read_documents(corpus, options["reading"]))
        texts = tuple(islice(read, max(MIN_TEXTS, documents)))
    sample = Sample(documents, texts, options["unknown"], options["seed"], options["seconds"])
    limits = RequestLimits(max_documents=max(documents, RequestLimits().max_documents))
    try:
        return measure(options["bundle"], sample, limits, usable_cpus(), report)
    except (StartError, ValueError) as error:
        raise InputError(str(error)) from error


def _question(options: Mapping[str, Any], measured: Measurement) -> Question:
    cpus = options["cpus"] or float(measured.cpus)
    limits = PoolLimits(
        workers=options["workers"] or max(1, int(cpus)),
        max_documents=max(measured.kind.documents, _DEFAULTS.max_documents),
        queue_budget_s=options["queue_budget_s"],
    )
    return Question(
        measured.kind,
        measured.costs,
        Machine(cpus, limits, options["request_timeout_s"]),
        load_of(options["rate"], options["seed"], options["subjects"]),
        options["target_p99_ms"] / 1e3,
        Balancer(options["balancer"]),
        options["workers"],
        options["replicas"],
    )


def _simulation_progress(report: Progress, name: str) -> Report:
    """Return a report of one simulation, as one bar in simulated seconds."""

    def note(done: float, total: float) -> None:
        report(name, int(done), int(total))

    return note
