"""Asks a new interpreter what an import loads."""

import subprocess
import sys
from collections.abc import Sequence


def modules_loaded_by(*modules: str, of: Sequence[str]) -> set[str]:
    """Return those of the modules `of` that are loaded after `modules` were imported."""
    code = f"import sys, {', '.join(modules)}; print(*{set(of)} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())
