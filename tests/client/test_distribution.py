"""The client is a distribution of its own: what it brings, what it imports, and its version."""

import configparser
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from scorepool_client import VERSION
from tests.support.imports import modules_loaded_by

ROOT = Path(__file__).parents[2]

# What must not be needed: the service, its dependencies, and those of the extras.
OTHERS = ("service", "scoring", "numpy", "jwt", "msgspec", "orjson", "starlette", "cryptography")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    # A copy: setuptools would leave what it builds in the sources.
    source = shutil.copytree(ROOT / "client", folder / "source")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", folder, source], check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_it_requires_httpx_alone(wheel: zipfile.ZipFile) -> None:
    """Everything else belongs to an extra."""
    name = next(name for name in wheel.namelist() if name.endswith("/METADATA"))
    metadata = message_from_bytes(wheel.read(name))

    required = [line for line in metadata.get_all("Requires-Dist") or [] if "extra ==" not in line]
    assert [line.split("<")[0].split(">")[0] for line in required] == ["httpx"]
    assert metadata["Requires-Python"] == ">=3.10"


def test_it_ships_its_types_and_its_fake(wheel: zipfile.ZipFile) -> None:
    """And nothing of the service or of the tests."""
    names = wheel.namelist()

    assert {"scorepool_client/py.typed", "scorepool_client/testing/fake.py"} <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"scorepool_client"}


def test_importing_it_loads_nothing_else() -> None:
    """Neither what the service needs nor what the extras bring."""
    loaded = modules_loaded_by("import scorepool_client, scorepool_client.asgi, scorepool_client.testing")

    assert loaded.isdisjoint(OTHERS)


def test_it_has_the_version_of_the_service() -> None:
    """Both are released together."""
    service = configparser.ConfigParser()
    service.read(ROOT / "setup.cfg")

    assert service["metadata"]["version"] == VERSION
