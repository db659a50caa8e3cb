"""`python -m bench` lists the scenarios, `python -m bench NAME [OPTIONS]` runs one."""

import ast
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent


def scenarios() -> dict[str, str]:
    """Return the modules of this folder that can be run, with the first line of what each says of itself."""
    found = {}
    for path in sorted(HERE.glob("*.py")):
        source = path.read_text()
        if path.stem != "__main__" and '\nif __name__ == "__main__":\n' in source:
            found[path.stem] = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    return found


def main() -> int:
    """Run the scenario that is named, as a program of its own would run."""
    known = scenarios()
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in known:
        for scenario, description in known.items():
            print(f"  {scenario:<14} {description}")
        return 0 if name in {"", "-h", "--help"} else 2
    if "--picture" in sys.argv and find_spec("matplotlib") is None:
        print("a picture needs matplotlib: make bench installs it", file=sys.stderr)
        return 2
    sys.argv[:2] = [f"bench {name}"]
    runpy.run_module(f"bench.{name}", run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
