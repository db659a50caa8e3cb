"""Prints the Grafana dashboard: `python deploy/monitoring/dashboard.py > deploy/monitoring/dashboard.json`.

A panel is a title, what it tells, a unit and its queries; everything else about it is the same for all. `$where` stands
for the job and the instances that are chosen at the top of the dashboard.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

# What Grafana 10.4 writes; later ones read it.
SCHEMA_VERSION = 39

WIDTH = 24  # columns of Grafana's grid
HEIGHT = 8  # rows of a panel

WHERE = 'job="$job", instance=~"$instance"'

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

# Requests to be worked on: probes and unknown paths would hide what happens to them.
WORK = '$where, http_route=~"/score|/explain"'


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. queries: PromQL by legend, in which `{{label}}` is the label's value. kind: Grafana's type."""

    title: str
    tells: str
    unit: str
    queries: Mapping[str, str]
    kind: str = "timeseries"
    stacked: bool = False


def quantiles(histogram: str, *shares: float) -> dict[str, str]:
    """Return queries for the values below which these shares of the observations of a histogram lie."""
    rate = f"sum by (le) (rate({histogram}[$__rate_interval]))"
    return {f"{share:.0%}": f"histogram_quantile({share}, {rate})" for share in shares}


def work_rate(labels: str = "") -> str:
    """Return the rate of the requests to be worked on that have these labels, before it is summed."""
    return f"rate(http_server_request_duration_seconds_count{{{WORK}{labels}}}[$__rate_interval])"


def share_of_work(statuses: str) -> str:
    """Return a query for the share of the requests that got one of these statuses, a regular expression."""
    return f"sum({work_rate(f', http_response_status_code=~{json.dumps(statuses)}')}) / sum({work_rate()})"


def rates(metric: str, label: str) -> dict[str, str]:
    """Return a query for a counter's rate by one of its labels."""
    return {f"{{{{{label}}}}}": f"sum by ({label}) (rate({metric}{{$where}}[$__rate_interval]))"}


SIGNALS = (
    Panel(
        "Traffic",
        "Requests a second to /score and /explain, by status.",
        "reqps",
        {"{{http_response_status_code}}": f"sum by (http_response_status_code) ({work_rate()}) > 0"},
        stacked=True,
    ),
    Panel(
        "Errors",
        "Share of the requests that failed (500, 504), that were refused for overload, and whose client left (499).",
        "percentunit",
        {
            "failed": share_of_work("500|504"),
            "refused": share_of_work("429|503"),
            "client left": share_of_work("499"),
        },
    ),
    Panel(
        "Latency of answers",
        "Time from the end of a request's headers to the end of its answer, for those that got their result.",
        "s",
        quantiles(
            f'http_server_request_duration_seconds_bucket{{{WORK}, http_response_status_code="200"}}',
            0.5,
            0.9,
            0.99,
        ),
    ),
    Panel(
        "Saturation",
        "Busy slots of all slots, and the predicted wait of the queue of what the budget allows: at 100 % it refuses.",
        "percentunit",
        {
            "slots busy": 'sum(avg_over_time(scorepool_slots{$where, state="busy"}[$__rate_interval]))'
            " / sum(avg_over_time(scorepool_slots{$where}[$__rate_interval]))",
            "queue": "max(scorepool_queue_cost_seconds{$where}"
            " / on (job, instance) sum by (job, instance) (scorepool_slots{$where})"
            " / on (job, instance) scorepool_queue_budget_seconds{$where})",
        },
    ),
)

QUEUE = (
    Panel(
        "Requests waiting and in hand",
        "Waiting for a worker; being served, those that are read or written included.",
        "short",
        {
            "waiting": "sum(scorepool_queue_jobs{$where})",
            "in hand": "sum(http_server_active_requests{$where})",
        },
    ),
    Panel(
        "Work waiting",
        "Predicted work in the queue, in seconds of one worker; divided by the workers it is the wait.",
        "s",
        {"{{instance}}": "scorepool_queue_cost_seconds{$where}"},
    ),
    Panel(
        "Wait for a worker",
        "How long requests waited in the queue.",
        "s",
        quantiles("scorepool_queue_duration_seconds_bucket{$where}", 0.5, 0.99),
    ),
    Panel("Refusals", "Requests refused before work, by the code of the problem.", "reqps", {
        "{{code}}": "sum by (code) (rate(scorepool_rejected_total{$where}[$__rate_interval]))"
    }, stacked=True),
    Panel("Failures", "Requests admitted and not done, by the code of the problem.", "reqps",
          rates("scorepool_failures_total", "code"), stacked=True),
    Panel(
        "Requests in one call",
        "How many requests one call of a worker took together, in the mean: it rises with the load.",
        "short",
        {
            "requests": "sum(rate(scorepool_batch_jobs_sum{$where}[$__rate_interval]))"
            " / sum(rate(scorepool_batch_jobs_count{$where}[$__rate_interval]))"
        },
    ),
)  # fmt: skip

WORKERS = (
    Panel(
        "Slots",
        "Slots by what their worker is doing; `backoff` and `dead` are missing capacity.",
        "short",
        {"{{state}}": "sum by (state) (scorepool_slots{$where})"},
        stacked=True,
    ),
    Panel(
        "Workers replaced",
        "Workers that ended and were replaced, in an hour, by reason.",
        "short",
        {"{{reason}}": "sum by (reason) (increase(scorepool_slot_restarts_total{$where}[1h]))"},
        stacked=True,
    ),
    Panel(
        "Memory of workers",
        "Private memory of each worker after its last call, and the limit at which it is ended.",
        "bytes",
        {
            "{{instance}} {{slot}}": "scorepool_worker_memory_bytes{$where}",
            "limit": "min(scorepool_worker_memory_limit_bytes{$where})",
        },
    ),
    Panel(
        "Time in stages",
        "Seconds of workers in a second, by stage: where the processor time goes.",
        "s",
        rates("scorepool_stage_duration_seconds_sum", "stage"),
        stacked=True,
    ),
    Panel("Documents", "Documents scored in a second.", "short", {
        "documents": "sum(rate(scorepool_documents_total{$where}[$__rate_interval]))"
    }),
    Panel("Pairs", "Pairs of documents compared in a second: the work that grows with the square.", "short", {
        "pairs": "sum(rate(scorepool_pairs_total{$where}[$__rate_interval]))"
    }),
)  # fmt: skip

SERVER = (
    Panel(
        "Lag of the event loop",
        "How late the event loop's timers are. From 0.1 s on probes are late: too little processor time.",
        "s",
        quantiles("scorepool_event_loop_lag_seconds_bucket{$where}", 0.5, 0.99),
    ),
    Panel(
        "Probes",
        "Time of answers to /livez, /readyz and /startupz at the 99th percentile.",
        "s",
        {
            "99%": "histogram_quantile(0.99, sum by (le) (rate(http_server_request_duration_seconds_bucket"
            '{$where, http_route=~"/livez|/readyz|/startupz"}[$__rate_interval])))'
        },
    ),
    Panel(
        "Processor time of the server",
        "Seconds of the server process in a second, without its workers; near 1 the event loop is the limit.",
        "s",
        {"{{instance}}": "rate(process_cpu_seconds_total{$where}[$__rate_interval])"},
    ),
    Panel(
        "Memory of the server",
        "Resident memory of the server process, with the answers that it holds.",
        "bytes",
        {"{{instance}}": "process_resident_memory_bytes{$where}"},
    ),
    Panel(
        "Answers held",
        "What answers hold until their clients have read them, and the budget for it.",
        "bytes",
        {
            "{{instance}}": "scorepool_answer_bytes{$where}",
            "budget": "min(scorepool_answer_budget_bytes{$where})",
        },
    ),
    Panel(
        "Connections",
        "Open connections, and the limit beyond which idle ones are closed.",
        "short",
        {
            "{{instance}}": "scorepool_connections{$where}",
            "limit": "min(scorepool_connections_limit{$where})",
        },
    ),
    Panel("Log lines dropped", "Lines lost in an hour because their reader was too slow.", "short", {
        "{{instance}}": "increase(scorepool_log_lines_dropped_total{$where}[1h])"
    }),
    Panel(
        "Uptime",
        "Time since the server process was started.",
        "s",
        {"{{instance}}": "time() - process_start_time_seconds{$where}"},
    ),
)  # fmt: skip

TEXTS = (
    Panel(
        "Unknown words",
        "Share of a request's words that the model does not know, in the mean: it rises when the texts change.",
        "percentunit",
        {
            "unknown": "sum(rate(scorepool_unknown_tokens_ratio_sum{$where}[$__rate_interval]))"
            " / sum(rate(scorepool_unknown_tokens_ratio_count{$where}[$__rate_interval]))"
        },
    ),
    Panel(
        "Clusters",
        "Share of the last hour's documents in each cluster.",
        "percentunit",
        {"{{cluster}}": 'scorepool:cluster_share:rate1h{job="$job"}'},
        stacked=True,
    ),
    Panel(
        "Drift of clusters",
        "Share of the last hour's documents that fall into other clusters than the last day's; new after a new model.",
        "percentunit",
        {"drift": 'scorepool:cluster_drift:ratio{job="$job"}'},
    ),
    Panel(
        "Reloads",
        "Changes of the model in an hour, by result; a failed one has changed nothing.",
        "short",
        {"{{result}}": "sum by (result) (increase(scorepool_reloads_total{$where}[1h]))"},
    ),
)

JOBS = (
    Panel("Jobs", "Durable jobs by state; paused ones wait for room on the disk.", "short", {
        "{{state}}": "sum by (state) (scorepool_jobs{$where})"
    }, stacked=True),
    Panel("Steps of jobs", "Steps a second that are done and on disk, by stage.", "short", {
        "{{stage}}": "sum by (stage) (rate(scorepool_job_steps_total{$where}[$__rate_interval]))"
    }, stacked=True),
)  # fmt: skip

OVERVIEW = (
    Panel(
        "Ready", "Instances that take requests.", "short", {"ready": "sum(scorepool_ready{$where})"}, "stat"
    ),
    Panel(
        "Damaged bundles",
        "Instances whose bundle is damaged; they serve nothing.",
        "short",
        {"damaged": "sum(scorepool_bundle_damaged{$where})"},
        "stat",
    ),
    Panel(
        "Failed in 6 hours",
        "Share of the requests that got 500 or 504 in the last six hours; the objective is 0.1 %.",
        "percentunit",
        {"failed": 'scorepool:errors:ratio_rate6h{job="$job"}'},
        "stat",
    ),
    Panel(
        "Models",
        "Instances by the model that they serve.",
        "short",
        {"{{name}} {{digest}}": "sum by (name, digest) (scorepool_model_info{$where})"},
        "stat",
    ),
)

ROWS = {
    "Overview": OVERVIEW,
    "The four golden signals": SIGNALS,
    "Queue": QUEUE,
    "Workers": WORKERS,
    "Server": SERVER,
    "Model and texts": TEXTS,
    "Jobs": JOBS,
}


def drawn(panel: Panel) -> dict[str, object]:
    """Return a panel as Grafana has it, without its number and place."""
    custom: dict[str, object] = {"fillOpacity": 10, "showPoints": "never"}
    if panel.stacked:
        custom |= {"fillOpacity": 40, "stacking": {"mode": "normal"}}
    targets = [
        {
            "refId": chr(ord("A") + i),
            "datasource": DATASOURCE,
            "expr": query.replace("$where", WHERE),
            "legendFormat": legend,
        }
        for i, (legend, query) in enumerate(panel.queries.items())
    ]
    defaults = {"unit": panel.unit, "min": 0, **({"custom": custom} if panel.kind == "timeseries" else {})}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.tells,
        "datasource": DATASOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": targets,
    }


def placed() -> Iterator[dict[str, object]]:
    """Yield all rows and panels, from top to bottom, up to four side by side."""
    numbers, y = count(1), 0
    for title, panels in ROWS.items():
        yield {"id": next(numbers), "type": "row", "title": title, "collapsed": False, "panels": [],
               "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1}}  # fmt: skip
        y += 1
        columns = 4 if len(panels) % 4 == 0 else 3
        width = WIDTH // columns
        for place, panel in enumerate(panels):
            line, column = divmod(place, columns)
            grid = {"x": column * width, "y": y + line * HEIGHT, "w": width, "h": HEIGHT}
            yield {"id": next(numbers), **drawn(panel), "gridPos": grid}
        y += -(-len(panels) // columns) * HEIGHT


def choice(name: str, query: str, **options: object) -> dict[str, object]:
    """Return a variable whose values are those of a label."""
    return {
        "name": name,
        "type": "query",
        "datasource": DATASOURCE,
        "query": query,
        "refresh": 2,
        "sort": 1,
        **options,
    }


def dashboard() -> dict[str, object]:
    """Return the dashboard as Grafana imports it."""
    source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    job = choice("job", "label_values(scorepool_ready, job)", label="Job")
    instances = 'label_values(scorepool_ready{job="$job"}, instance)'
    instance = choice("instance", instances, label="Instance", multi=True, includeAll=True, allValue=".+")
    alerts = {
        "name": "Alerts",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertname=~"Scorepool.+", alertstate="firing"}',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{instance}}",
    }
    return {
        "uid": "scorepool",
        "title": "Scorepool",
        "tags": ["scorepool"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [source, job, instance]},
        "annotations": {"list": [alerts]},
        "panels": list(placed()),
    }


if __name__ == "__main__":
    print(json.dumps(dashboard(), indent=2, ensure_ascii=False))
