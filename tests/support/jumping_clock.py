"""A time of day that jumps while programs run: a library for `LD_PRELOAD`, compiled from `jumping_clock.c`.

Not libfaketime: it also replaces the waits of the C library, and under its 0.9.10 `time.sleep` of Python 3.11 and
later fails or does not end.
"""

import shutil
import struct
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

COMPILER = shutil.which("cc") or shutil.which("gcc")

_SOURCE = Path(__file__).with_suffix(".c")


class JumpingClock:
    """The time of day of the programs that run with `environment`."""

    def __init__(self, folder: Path) -> None:
        """Compile the library into `folder`; needs a `COMPILER`."""
        assert COMPILER is not None
        library = folder / "jumping_clock.so"
        command = [COMPILER, "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(library), str(_SOURCE)]
        subprocess.run(command, check=True)
        self._file = folder / "shift"
        self._file.write_bytes(bytes(8))
        self.shift_s = 0
        self.environment: Mapping[str, str] = {"LD_PRELOAD": str(library), "JUMPING_CLOCK": str(self._file)}

    def jump_to(self, shift_s: int) -> None:
        """Show a time of day this many seconds after the true one from now on."""
        with self._file.open("r+b", buffering=0) as file:
            file.write(struct.pack("q", shift_s))
        self.shift_s = shift_s

    def is_near(self, moment: str) -> bool:
        """Tell whether an ISO time is within a minute of the time of day that is shown now."""
        ahead_s = (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()
        return abs(ahead_s - self.shift_s) < 60
