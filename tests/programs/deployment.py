"""Validates everything in deploy/, and the Dockerfile, with tools made for it: `python -m tests.programs.deployment`.

Prints a row for each check with its verdict; what is not installed is said and not run. The exit status is 1 if a check
failed. `make deploy-check` installs all tools but systemd-analyze, which is a part of systemd.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from tests.programs.real_clients.checks import Check, Verdict, expect, judge

KUSTOMIZATIONS = ("base", "overlays/example", "dask")

UNIT = Path("deploy/systemd/scorepool.service")

# The unit's commands, below the root.
COMMANDS = ("opt/scorepool/bin/scorepool", "bin/kill")

# Of systemd's scale from 0 to 10 for what a service is exposed to, times ten; below 2 it says OK.
MOST_EXPOSURE = 20


def said_by(*command: str, environment: Mapping[str, str] = MappingProxyType({})) -> str:
    """Run a tool and return what it printed. Raises: AssertionError with that where it fails."""
    variables = {**os.environ, **environment}
    ended = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env=variables
    )
    if ended.returncode:
        raise AssertionError(f"exit status {ended.returncode}: {ended.stdout.strip()}")
    return ended.stdout


def rendered(kustomization: Path) -> str:
    """Return the manifests of a kustomization as one text."""
    return said_by("kubectl", "kustomize", str(kustomization))


def kubernetes(name: str) -> str:
    """Validate each object with Kubernetes' own schemas; members that these do not know are faults."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(rendered(Path("deploy/kubernetes") / name))
        file.flush()
        said = said_by("kubernetes-validate", "--strict", file.name)
    without = [line for line in said.splitlines() if "find schema" in line]
    # The operators' kinds are not Kubernetes' own.
    operated = [kind for kind in ("ServiceMonitor", "DaskCluster") if any(kind in line for line in without)]
    expect(
        [line for line in without if not any(kind in line for kind in operated)], [], "kinds without a schema"
    )
    return ", ".join([f"{said.count(' passed ')} objects", *(f"{kind} not validated" for kind in operated)])


def with_bundle_volume() -> str:
    """Render the base with the component that no overlay uses."""
    with tempfile.TemporaryDirectory(dir="deploy/kubernetes") as folder:
        lines = ("resources: [../base]", "components: [../components/bundle-volume]")
        (Path(folder) / "kustomization.yaml").write_text("\n".join(lines))
        expect("claimName: scorepool-bundle" in rendered(Path(folder)), True, "the claim in the Deployment")
    return ""


def unit() -> str:
    """Have systemd read the unit in a tree in which its commands exist."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for command in (root / name for name in COMMANDS):
            command.parent.mkdir(parents=True)
            command.touch(0o755)
        installed = root / "etc/systemd/system" / UNIT.name
        installed.parent.mkdir(parents=True)
        shutil.copy(UNIT, installed)
        # Units that it names are the machine's own.
        shutil.copytree("/usr/lib/systemd/system", root / "usr/lib/systemd/system", symlinks=True)
        said = said_by("systemd-analyze", f"--root={root}", "verify", "--man=no", UNIT.name)
    expect([line for line in said.splitlines() if UNIT.name in line], [], "complaints")
    return ""


def exposure() -> str:
    """Have systemd judge the sandbox."""
    arguments = ("security", "--offline=true", f"--threshold={MOST_EXPOSURE}", str(UNIT))
    return said_by("systemd-analyze", *arguments).strip().splitlines()[-1].strip("→ ")


def checks() -> Iterator[Check]:
    """Yield every check."""
    yield Check("yamllint", lambda: said_by("yamllint", "--strict", "deploy"), ("yamllint",))
    for name in KUSTOMIZATIONS:
        programs = ("kubectl", "kubernetes-validate")
        yield Check(f"kubernetes-validate {name}", partial(kubernetes, name), programs)
    yield Check("kubectl kustomize components/bundle-volume", with_bundle_volume, ("kubectl",))
    schema = ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "deploy/compose.yaml")
    yield Check("compose schema", lambda: said_by(*schema).strip(), schema[:1])
    yield Check(
        "hadolint", lambda: said_by("hadolint", "Dockerfile", "deploy/bundle.Dockerfile"), ("hadolint",)
    )
    yield Check("systemd-analyze verify", unit, ("systemd-analyze",))
    yield Check("systemd-analyze security", exposure, ("systemd-analyze",))


def use_own_tools() -> None:
    """Find the programs that are installed beside this Python, too."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def main() -> int:
    """Run the checks, in the folder of the project."""
    use_own_tools()
    verdicts = [judge(check) for check in checks()]
    print(", ".join(f"{verdicts.count(verdict)} {verdict.value}" for verdict in Verdict))
    return 1 if Verdict.FAILED in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
