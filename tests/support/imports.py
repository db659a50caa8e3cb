"""Asks a new interpreter which modules a program loads."""

import subprocess
import sys


def modules_loaded_by(program: str) -> set[str]:
    """Run Python statements that print nothing; return the names of the modules loaded at their end."""
    command = [sys.executable, "-c", f"{program}\nimport sys\nprint(*sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())
