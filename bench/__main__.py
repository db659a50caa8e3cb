"""`python -m bench` lists the scenarios, `python -m bench NAME [OPTIONS]` runs one."""

import ast
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

PACKAGES = ("service", "scoring", "comparison")


class Scenario(NamedTuple):
    """A module that can be run: its name as it is imported, and the first line of its docstring."""

    module: str
    summary: str


def scenarios() -> dict[str, Scenario]:
    """Return every module of the packages that defines `main`, by the name that runs it; none is imported."""
    return {name: scenario for package in PACKAGES for name, scenario in _scenarios_of(package)}


def _scenarios_of(package: str) -> Iterator[tuple[str, Scenario]]:
    for path in sorted((Path(__file__).parent / package).glob("*.py")):
        tree = ast.parse(path.read_text())
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            summary = (ast.get_docstring(tree) or "").partition("\n")[0]
            yield path.stem, Scenario(f"bench.{package}.{path.stem}", summary)


def main() -> int:
    """Run the scenario that the first argument names; its options follow."""
    known = scenarios()
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in known:
        for scenario, (_, summary) in known.items():
            print(f"  {scenario:<14} {summary}")
        return 0 if name in {"", "-h", "--help"} else 2
    if "--picture" in sys.argv and find_spec("matplotlib") is None:
        print("--picture needs matplotlib, which requirements-bench.txt locks", file=sys.stderr)
        return 2
    sys.argv[:2] = [f"bench {name}"]
    return import_module(known[name].module).main() or 0


if __name__ == "__main__":
    sys.exit(main())
