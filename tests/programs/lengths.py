"""Limits the length of files and functions: `python -m tests.programs.lengths` fails where one is too long."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40  # with its docstring; about 30 of code
FOLDERS = ("service", "scoring", "client", "examples", "bench", "tests", "deploy")


def too_long(path: Path) -> Iterator[str]:
    """Yield one sentence for the file, and for each function in it, that is over its limit."""
    source = path.read_text()
    n_lines = source.count("\n")
    if n_lines > MAX_FILE_LINES:
        yield f"{path}: {n_lines} lines, at most {MAX_FILE_LINES}; give its second concept a file of its own"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                place = f"{path}:{node.lineno}: {node.name}"
                yield f"{place} has {length} lines, at most {MAX_FUNCTION_LINES}; split it"


def main() -> int:
    """Print every finding; return 1 if there is one."""
    findings = [
        line for folder in FOLDERS for path in sorted(Path(folder).rglob("*.py")) for line in too_long(path)
    ]
    print("\n".join(findings) or "lengths: every file and function is within its limit")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
