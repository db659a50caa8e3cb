"""The Deployment of deploy/kubernetes as a pod of podman, and its probes, asked from outside while it is saturated."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.harness.health_probe import Probe, ProbeProcess
from bench.harness.latency import latency
from bench.harness.load_generator import Load, LoadProcess
from tests.programs.deployment import rendered
from tests.programs.image.container import Service
from tests.programs.image.engine import Engine
from tests.programs.real_clients.checks import expect
from tests.support.proxies import free_port
from tests.support.tokens import SECRET

BASE = Path("deploy/kubernetes/base")

PATHS = ("/livez", "/readyz", "/startupz")

# Both workers are busy all the time, and about a second of work waits.
SATURATION = Load(documents=300, connections=100, seconds=15.0)

# The shortest of the Deployment's probes waits so long.
PROBE_TIMEOUT_MS = 1_000.0

# What is different for podman: it has no registry, publishes ports of the host, runs one pod of a Deployment, and asks
# HTTP probes by a curl that the image does not have.
OVERLAY = """
resources: [{base}]
images: [{{name: scorepool, newName: {name}, newTag: {tag}}}]
configMapGenerator:
  - {{name: scorepool, behavior: merge, literals: [SCOREPOOL_JWT_SECRET={secret}]}}
patches:
  - target: {{kind: Deployment}}
    patch: |-
      - {{op: replace, path: /spec/replicas, value: 1}}
      - {{op: add, path: /spec/template/spec/containers/0/ports/0/hostPort, value: {port}}}
      - {{op: remove, path: /spec/template/spec/containers/0/startupProbe}}
      - {{op: remove, path: /spec/template/spec/containers/0/readinessProbe}}
      - {{op: remove, path: /spec/template/spec/containers/0/livenessProbe/httpGet}}
      - op: add
        path: /spec/template/spec/containers/0/livenessProbe/exec
        value: {{command: [python3, -m, service.cli.healthcheck, /livez]}}
"""


def manifest(image: str, port: int) -> str:
    """Return the Deployment and its settings as podman can run them."""
    name, _, tag = image.rpartition(":")
    with tempfile.TemporaryDirectory() as folder:
        base = os.path.relpath(BASE, Path(folder).resolve())
        lines = OVERLAY.format(base=base, name=name, tag=tag, secret=SECRET, port=port)
        (Path(folder) / "kustomization.yaml").write_text(lines)
        documents = rendered(Path(folder)).split("\n---\n")
    kinds = ("kind: Deployment", "kind: ConfigMap")
    return "\n---\n".join(text for text in documents if any(kind in text.splitlines() for kind in kinds))


@contextmanager
def playing(engine: Engine, image: str) -> Iterator[tuple[Service, str]]:
    """Run the pod; give its service and the container's name."""
    port = free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(manifest(image, port))
        file.flush()
        try:
            engine("play", "kube", file.name)
            service = Service("127.0.0.1", port)
            service.await_ready()
            names = engine("ps", "--format", "{{.Names}}", "--filter", f"ancestor={image}").splitlines()
            yield service, next(name for name in names if name.endswith("-scorepool"))
        finally:
            engine("play", "kube", "--down", file.name)


def saturated(engine: Engine, image: str) -> str:
    """Ask every probe of the pod while more is asked of it than it can do."""
    with playing(engine, image) as (service, container):
        host, port = service.address
        load = LoadProcess(service.address, service.token, SATURATION)
        probing = [ProbeProcess(f"http://{host}:{port}{path}") for path in PATHS]
        replies = load.wait()
        engine("healthcheck", "run", container)
        asked = [each.stop() for each in probing]
        state = engine("inspect", "--format", "{{.HostConfig.ReadonlyRootfs}} {{.EffectiveCaps}}", container)
        engine("stop", "--time", "45", container)
        status = engine("inspect", "--format", "{{.State.ExitCode}}", container)
    expect(state, "true []", "read-only root and capabilities")
    expect(status, "0", "exit status")
    print_table(asked)
    failed = sum(
        probe.status != 200 or probe.latency_ms > PROBE_TIMEOUT_MS for probes in asked for probe in probes
    )
    expect(failed, 0, "probes that Kubernetes would count as failed")
    scored = sum(reply.status == 200 for reply in replies)
    return f"{scored} requests scored, {len(replies) - scored} refused; exit status 0"


def print_table(asked: list[list[Probe]]) -> None:
    """Print a row for each probe."""
    for path, probes in zip(PATHS, asked, strict=True):
        answered = sum(probe.status == 200 for probe in probes)
        figures = latency(probe.latency_ms for probe in probes)
        print(f"         {path:10} asked {len(probes):4}  answered 200 {answered:4}  {figures}")
