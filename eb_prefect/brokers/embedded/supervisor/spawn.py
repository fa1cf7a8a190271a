# SPDX-License-Identifier: Apache-2.0
"""Starting a supervisor that belongs to nobody."""

import os
import sys
from _signal import SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1

# sh exits at once, so the supervisor is init's child and leaves no zombie to the caller
_DETACH = '"$@" </dev/null >/dev/null 2>>"$0" &'
_MAIN = "import sys; sys.path.append(sys.argv[2]); from supervisor.main import main; main(sys.argv[1])"
ERRORS = "supervisor.err"
SIGNALS = {SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1}
"""What a supervisor waits for: blocked from its first moment on, so that none is lost or ends it."""


def spawn(directory: str, environment: dict[str, str]) -> None:
    """Start the supervisor of the session in ``directory``.

    It is a session leader's child without terminal. Where another supervisor
    of the session lives it ends at once, so a call too many does no harm.
    """
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    python = [sys.executable, "-I", "-S", "-c", _MAIN, directory, package]
    shell = ["sh", "-c", _DETACH, f"{directory}/{ERRORS}", *python]
    pid = os.posix_spawn("/bin/sh", shell, environment, setsid=True, setsigmask=SIGNALS)
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return  # a program that ignores SIGCHLD has it reaped by the kernel
