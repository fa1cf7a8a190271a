# SPDX-License-Identifier: Apache-2.0
"""System calls that Python 3.11 has no function for."""

import os
from _ctypes import FUNCFLAG_CDECL, FUNCFLAG_USE_ERRNO, CFuncPtr, _SimpleCData, dlopen, dlsym, get_errno

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_RDONLY = 1
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_UNBINDABLE = 1 << 17
MS_PRIVATE = 1 << 18
MNT_DETACH = 2


class _Int(_SimpleCData):  # type: ignore[type-arg]  # generic for the type checker only
    _type_ = "i"


class _Function(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = _Int


_LIBC = dlopen(None, 0)  # type: ignore[arg-type]  # None is the program itself, which has libc


def call(name: str, *arguments: bytes | int | None) -> int:
    """Call a function of libc that returns -1 where it fails.

    Raises
    ------
    OSError
        With the errno it left, and its name and arguments.
    """
    result: int = _Function(dlsym(_LIBC, name))(*arguments)
    if result == -1:
        code = get_errno()
        raise OSError(code, f"{os.strerror(code)} ({name})", next(filter(_is_path, arguments), None))
    return result


def _is_path(argument: bytes | int | None) -> bool:
    return isinstance(argument, bytes)


def prctl(option: int, value: int) -> None:
    """Set one property of this process."""
    call("prctl", option, value, 0, 0, 0)
