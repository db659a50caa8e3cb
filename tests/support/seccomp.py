"""Denies system calls to a command, as a container's seccomp profile does.

    python -m tests.support.seccomp pidfd_open=ENOSYS,eventfd2=EPERM COMMAND …

The filter holds for the command and for all that it starts (seccomp(2)).
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Mapping
from types import MappingProxyType

# Numbers on x86-64 and on the architectures with the generic table (asm-generic/unistd.h).
NUMBERS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "eventfd2": (290, 19),
        "memfd_create": (319, 279),
        "pidfd_open": (434, 434),
        "pidfd_send_signal": (424, 424),
    }
)

# linux/prctl.h, linux/seccomp.h, linux/filter.h
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def deny(errors: Mapping[str, str]) -> None:
    """Have these system calls fail with these errors from now on, in this process and its children."""
    column = 0 if platform.machine() == "x86_64" else 1
    steps = [(_LOAD, 0, 0, 0)]
    for name, error in errors.items():
        steps += [
            (_JUMP_IF_EQUAL, 0, 1, NUMBERS[name][column]),
            (_RETURN, 0, 0, _ERRNO | getattr(errno, error)),
        ]
    steps.append((_RETURN, 0, 0, _ALLOW))
    program = _Program(len(steps), b"".join(struct.pack("HBBI", *step) for step in steps))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    deny(dict(word.split("=") for word in sys.argv[1].split(",")))
    os.execvp(sys.argv[2], sys.argv[2:])
