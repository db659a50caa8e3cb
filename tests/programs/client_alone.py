"""Installs the client alone in a fresh virtual environment of each Python, and uses it there.

    python -m tests.programs.client_alone [PYTHON ...]

It prints what the installation brings. Packages come from the registry that pip is set up with, so it needs a network.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.harness.paths import ROOT

# What httpx brings, on every Python: nothing of the service may be among the rest.
EXPECTED = {
    "anyio", "certifi", "exceptiongroup", "h11", "httpcore", "httpx", "idna", "scorepool-client", "typing_extensions",
}  # fmt: skip

USE = """
import asyncio
from scorepool_client import Client, AsyncClient, ScorepoolError, minted_with_secret
from scorepool_client.testing import FakeScorepool
fake = FakeScorepool()
fake.fail("overloaded")
client = fake.client(minted_with_secret("s" * 32, "alone"))
assert client.score(["storms close", "close storms"]).documents[0].neighbours[0].similarity > 0.99
assert client.score_many(str(i) for i in range(600)).total == 600
try:
    client.similarity_matrix(["a"])
    raise SystemExit("there is NumPy")
except ImportError:
    pass
async def main():
    async with fake.async_client(minted_with_secret("s" * 32, "alone")) as client:
        fake.refuse_connections()
        fake.delay(1)
        assert (await client.score(["a"])).attempts == 2
        assert (await client.score_many([str(i) for i in range(600)])).total == 600
asyncio.run(main())
with fake.serve() as url, Client(url, "x") as over_a_socket:
    assert over_a_socket.score(["a"]).attempts == 1
    async def other():
        async with AsyncClient(url, "x") as client:
            call = asyncio.create_task(client.score(["a"]))
            await asyncio.wait_for(call, 10)
            fake.delay(0.3)
            try:
                await client.score(["a"], timeout=0.1)
            except ScorepoolError as error:
                assert error.code == "deadline_exceeded", error
    asyncio.run(other())
"""


def installed(python: str, folder: Path) -> set[str]:
    """Install the client in a new environment, use it, and return the names of the packages in it."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    inside = str(folder / "bin" / "python")
    pip = [inside, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    # A copy: setuptools would leave what it builds in the sources.
    source = shutil.copytree(ROOT / "client", folder / "source")
    subprocess.run([*pip, "install", source], check=True)
    subprocess.run([inside, "-W", "error", "-c", USE], check=True, cwd=folder)
    listed = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True).stdout
    return {line.partition("==")[0].partition(" @")[0] for line in listed.splitlines()}


def main() -> int:
    """Print what each installation brings; 1 when it is more than is expected."""
    surplus = set()
    for python in sys.argv[1:] or [sys.executable]:
        with tempfile.TemporaryDirectory() as folder:
            names = installed(python, Path(folder))
        print(f"{python}: {', '.join(sorted(names))}")
        surplus |= names - EXPECTED
    if surplus:
        print(f"not expected: {', '.join(sorted(surplus))}", file=sys.stderr)
    return 1 if surplus else 0


if __name__ == "__main__":
    sys.exit(main())
