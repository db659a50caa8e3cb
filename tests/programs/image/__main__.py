"""Builds the image and runs it: `python -m tests.programs.image`, or `make image-test`.

Prints a row for each check with its verdict. Without docker or podman, or without a base image, it says so and does
nothing. The exit status is 1 if a check failed. Debian's packages for a machine without an engine: podman, runc,
catatonit and netavark, and mmdebstrap where no registry can be reached. It leaves its images, for the next run.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

from tests.programs.deployment import use_own_tools
from tests.programs.image.container import running
from tests.programs.image.container_checks import container_checks, sandbox
from tests.programs.image.engine import DOCKERFILE, Engine, found_engine
from tests.programs.image.model_change import exchanged
from tests.programs.image.pod import saturated
from tests.programs.image.unit import managed
from tests.programs.real_clients.checks import Check, Missing, Verdict, expect, judge
from tests.support.demo_bundle import given_or_demo_bundle
from tests.support.server import DOCUMENTS

IMAGE = "localhost/scorepool:image-test"
WITH_BUNDLE = "localhost/scorepool-bundle:image-test"

BUNDLE_DOCKERFILE = Path("deploy/bundle.Dockerfile")


def built(engine: Engine, base: str) -> str:
    """Build the image; its labels say what it is."""
    engine.build(Path(), DOCKERFILE, IMAGE, BASE=base, VERSION=version("scorepool"), REVISION="image-test")
    label = '{{index .Config.Labels "org.opencontainers.image.%s"}}'
    for name, value in (("version", version("scorepool")), ("revision", "image-test"), ("base.name", base)):
        expect(engine("inspect", "--type", "image", "--format", label % name, IMAGE), value, f"label {name}")
    sizes = [
        int(engine("inspect", "--type", "image", "--format", "{{.Size}}", name)) for name in (IMAGE, base)
    ]
    return f"{sizes[0] / 1e6:.0f} MB, of which {sizes[1] / 1e6:.0f} MB are {base}"


def baked_in(engine: Engine, bundle: Path) -> str:
    """Build an image with the bundle in it, and run it without a mount."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(bundle, Path(folder) / "bundle")
        engine.build(Path(folder), BUNDLE_DOCKERFILE.resolve(), WITH_BUNDLE, SCOREPOOL=IMAGE)
    with running(engine, WITH_BUNDLE, *sandbox(engine)) as container:
        expect(container.score(DOCUMENTS), (200, ""), "answer")
    return ""


def checks(engine: Engine, base: str, bundle: Path) -> Iterator[Check]:
    """Yield every check; the later ones need what the earlier ones built."""
    yield Check("built", partial(built, engine, base))
    yield from container_checks(engine, IMAGE, bundle)
    yield Check("another model by SIGHUP, 300 MiB", partial(exchanged, engine, IMAGE, bundle))
    yield Check("a bundle baked in", partial(baked_in, engine, bundle))
    if engine.name == "podman":
        pod = partial(saturated, engine, WITH_BUNDLE)
        yield Check("the Deployment as a pod, saturated", pod, ("kubectl",))
        yield Check("the unit under systemd", partial(managed, engine, IMAGE, bundle))


def let_everyone_read(bundle: Path) -> None:
    """Have any user read a bundle that this program has made."""
    for path in (bundle.parent, bundle, *bundle.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)


def main() -> int:
    """Run the checks, in the folder of the project."""
    parser = argparse.ArgumentParser(description="build the container image and run it")
    parser.add_argument(
        "--base", default=os.environ.get("BASE", ""), help="the base image  [default: the Dockerfile's]"
    )
    parser.add_argument("--bundle", type=Path)
    parser.add_argument(
        "--only", default="", help="the checks whose name contains this, of images built before"
    )
    given = parser.parse_args()
    use_own_tools()
    try:
        with found_engine(given.base) as (engine, base), given_or_demo_bundle(given.bundle) as bundle:
            if given.bundle is None:
                let_everyone_read(bundle)
            wanted = (each for each in checks(engine, base, bundle.resolve()) if given.only in each.name)
            verdicts = [judge(check) for check in wanted]
    except Missing as missing:
        print(f"image-test: not run: {missing}")
        return 0
    print(", ".join(f"{verdicts.count(verdict)} {verdict.value}" for verdict in Verdict))
    return 1 if Verdict.FAILED in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
