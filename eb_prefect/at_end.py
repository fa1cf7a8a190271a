# SPDX-License-Identifier: Apache-2.0
"""What a process does before it ends, while its threads can still work."""

import threading
from collections.abc import Callable
from contextlib import suppress


def at_end(act: Callable[[], object]) -> None:
    """Call a function when the process ends in order, before what was to be called then until now.

    ``atexit`` is too late for whatever uses Prefect's events or a pool of
    threads: both stop before it. They stop by the hook that is used here,
    which Python keeps for itself.
    """
    with suppress(RuntimeError, AttributeError):  # it is ending; or a Python without that hook
        threading._register_atexit(act)  # type: ignore[attr-defined]  # noqa: SLF001


def is_ending() -> bool:
    """Whether the process ends, when Prefect can't start any more what sends events."""
    # Python's own flag is set before Prefect stops sending; the main thread is told to be dead after that
    return getattr(threading, "_SHUTTING_DOWN", False) or not threading.main_thread().is_alive()
