"""The examples of deploy/ agree with the service and with each other; `make deploy-check` validates their formats."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.limits import MIB
from service.memory import BASE_BYTES, INHERITED_BYTES, share_out
from service.settings import Settings, declared

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"

# From the end of the drain to the end of the process, as promised.
LEAVING_S = 2

DEFAULTS = Settings(bundle=Path())


def manifest(name: str) -> Any:
    """Return an object of deploy/kubernetes."""
    return yaml.safe_load((KUBERNETES / name).read_text())


@pytest.fixture
def container() -> Any:
    """Return the Deployment's container."""
    [found] = manifest("base/deployment.yaml")["spec"]["template"]["spec"]["containers"]
    return found


@pytest.fixture
def settings() -> dict[str, str]:
    """Return the settings of the Deployment."""
    return dict(line.split("=", 1) for line in (KUBERNETES / "base/settings.env").read_text().splitlines())


def texts() -> Iterator[tuple[Path, str]]:
    """Yield every file that can name a setting."""
    for path in (ROOT / "Dockerfile", *DEPLOY.rglob("*")):
        if path.is_file():
            yield path, path.read_text()


def dockerfile(instruction: str) -> str:
    """Return what the image's last stage says after an instruction."""
    said: list[str] = re.findall(rf"^{instruction} (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    return said[-1]


def test_every_setting_exists() -> None:
    """A variable that the service does not know would be ignored without a word."""
    known = {setting.environment for setting in declared()}

    for path, text in texts():
        assert set(re.findall(r"SCOREPOOL_[A-Z_]*[A-Z]", text)) <= known, path


def test_a_pod_may_drain_to_its_end(settings: dict[str, str]) -> None:
    """Kubernetes kills it later than it would leave."""
    drain_s = float(settings["SCOREPOOL_DRAIN_DELAY_S"]) + float(settings["SCOREPOOL_DRAIN_TIMEOUT_S"])

    grace_s = manifest("base/deployment.yaml")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]

    assert grace_s > drain_s + LEAVING_S


def test_other_ways_to_run_it_let_it_drain() -> None:
    """With the default times."""
    drain_s = DEFAULTS.drain_delay_s + DEFAULTS.drain_timeout_s
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["scorepool"]
    unit = (DEPLOY / "systemd/scorepool.service").read_text()
    [stop_s] = re.findall(r"^TimeoutStopSec=(\d+)s$", unit, re.MULTILINE)

    assert float(service["stop_grace_period"].removesuffix("s")) > drain_s + LEAVING_S
    assert float(stop_s) > drain_s + LEAVING_S


def test_the_unit_has_the_folder_of_the_guides_socket() -> None:
    """Its user, made at each start, could not make one in /run."""
    guide = (ROOT / "docs/operations/network.md").read_text()
    unit = (DEPLOY / "systemd/scorepool.service").read_text()
    [folder] = re.findall(r"^RuntimeDirectory=(.+)$", unit, re.MULTILINE)

    assert set(re.findall(r"/run/\w+/socket", guide + unit)) == {f"/run/{folder}/socket"}


def test_the_arithmetic_of_the_memory(container: Any, settings: dict[str, str]) -> None:
    """The Deployment's comment says what the service makes of the limit."""
    limit = int(container["resources"]["limits"]["memory"].removesuffix("Gi")) * 1024 * MIB
    workers = int(settings["SCOREPOOL_WORKERS"])
    comment = re.sub(r"\n +# ", " ", (KUBERNETES / "base/deployment.yaml").read_text())
    said = re.search(
        r"(\d+) MiB for the server .* (\d+) for bodies, (\d+) for answers, (\d) × (\d+) .* together (\d+) MiB",
        comment,
    )
    assert said is not None

    shares = share_out(limit, workers, DEFAULTS.max_body_bytes)

    each = (shares.worker_memory_bytes - INHERITED_BYTES) // MIB
    parts = [
        BASE_BYTES // MIB,
        shares.body_budget_bytes // MIB,
        shares.answer_budget_bytes // MIB,
        workers,
        each,
    ]
    assert [int(number) for number in said.groups()[:5]] == parts
    assert int(said[6]) == shares.needed(workers) // MIB < limit // MIB


def test_requests_for_cpu_match_the_workers(container: Any, settings: dict[str, str]) -> None:
    """One for each and half of one for the server; without a limit, which would throttle the probes."""
    requested = int(container["resources"]["requests"]["cpu"].removesuffix("m"))

    assert requested == 1_000 * int(settings["SCOREPOOL_WORKERS"]) + 500
    assert "cpu" not in container["resources"]["limits"]


def test_the_pod_is_that_of_the_image(container: Any) -> None:
    """Its port and its user."""
    pod = manifest("base/deployment.yaml")["spec"]["template"]["spec"]["securityContext"]

    assert f"{pod['runAsUser']}:{pod['runAsGroup']}" == dockerfile("USER")
    assert container["ports"] == [{"name": "http", "containerPort": int(dockerfile("EXPOSE"))}]


def test_the_autoscaler_acts_before_requests_are_refused(settings: dict[str, str]) -> None:
    """Its target is far below what a full queue holds, and its metric is the adapter's."""
    metrics = manifest("components/autoscaling/horizontalpodautoscaler.yaml")["spec"]["metrics"]
    [queue] = [metric["pods"] for metric in metrics if metric["type"] == "Pods"]
    [rule] = manifest("components/autoscaling/prometheus-adapter.yaml")["rules"]["custom"]
    full = DEFAULTS.queue_budget_s * int(settings["SCOREPOOL_WORKERS"])

    assert queue["metric"]["name"] == rule["name"]["as"] == rule["seriesQuery"].partition("{")[0]
    assert float(queue["target"]["averageValue"]) <= full / 5


def test_selectors_are_those_of_the_pods() -> None:
    """Each object that selects pods selects these."""
    labels = manifest("base/deployment.yaml")["spec"]["template"]["metadata"]["labels"]

    assert manifest("base/service.yaml")["spec"]["selector"] == labels
    assert manifest("base/deployment.yaml")["spec"]["selector"]["matchLabels"] == labels
    assert manifest("base/networkpolicy.yaml")["spec"]["podSelector"]["matchLabels"] == labels
    assert manifest("base/poddisruptionbudget.yaml")["spec"]["selector"]["matchLabels"] == labels
    assert manifest("components/prometheus/servicemonitor.yaml")["spec"]["selector"]["matchLabels"] == labels


def test_the_guide_says_how_memory_is_shared_out() -> None:
    """Its table has what the service makes of these limits."""
    guide = (ROOT / "docs/operations/deployment.md").read_text()
    rows = re.findall(
        r"^\| (\d+) ([MG])iB \| (\d+) \| (\d+) MiB \| (\d+) MiB \| (\d+) MiB \|$", guide, re.MULTILINE
    )
    assert len(rows) == 5

    for size, unit, workers, *said in rows:
        limit = int(size) * MIB * (1024 if unit == "G" else 1)
        shares = share_out(limit, int(workers), DEFAULTS.max_body_bytes)
        assert [int(number) for number in said] == [share // MIB for share in shares], (size, unit)


def test_compose_mounts_what_is_there() -> None:
    """A missing file would become an empty folder in the container."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]

    mounted = [
        volume.partition(":")[0] for service in services.values() for volume in service.get("volumes", ())
    ]
    ours = [source for source in mounted if source.startswith("./")]

    assert len(ours) == 4
    assert all((DEPLOY / source).exists() for source in ours)
