# SPDX-License-Identifier: Apache-2.0
"""Read files with libraries that a damaged file can crash: in a process of their own, on a leash.

A reader is a function of a module that is imported only there. It is given
JSON, and returns JSON. Its process has limits of memory and processor time,
can write no file, and must show a sign of life now and then. It stays for
the next file; after a crash the next file gets a new one. It ends with the
process that started it.
"""

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from provenance.errors import CanNotAttachError, NeedsExtraError, UnreadableProductError

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from provenance.products.guarded import serve; serve()"
)
_ANSWER_LIMIT = 32 << 20
_KEPT = 2
_SILENCE = 30.0
_TROUBLE = "a damaged file can bring its library to this"


def guarded(path: str, reader: str, *given: Any, extra: str, silence: float = _SILENCE) -> Any:
    """Return what the reader, as ``module:function``, makes of the path and what else it is given.

    Safe to call from several threads: each call has a process to itself.

    Raises
    ------
    UnreadableProductError
        The file is damaged: its library refuses it, crashes on it, needs too
        much memory for it, or gives no sign of life for ``silence`` seconds.
    CanNotAttachError
        As the reader says.
    NeedsExtraError
        The library, which comes with ``extra``, is not installed.
    """
    asked = json.dumps({"reader": reader, "given": [path, *given], "seconds": silence}).encode() + b"\n"
    while True:
        with _worker() as worker:
            answer = worker.answer(path, asked, silence)
        # memory may have run out because of files before this one
        if answer.get("error") != "memory" or worker.asked == 1:
            return answer["result"] if "result" in answer else _raised(path, answer, extra)


def _raised(path: str, answer: dict[str, Any], extra: str) -> NoReturn:
    reason = str(answer.get("reason", ""))
    match answer.get("error"):
        case "CanNotAttachError":
            raise CanNotAttachError(path, reason)
        case "NeedsExtraError":
            raise NeedsExtraError(path, extra)
        case "memory":
            raise UnreadableProductError(path, f"it needs more memory than it may have; {_TROUBLE}")
        case _:
            raise UnreadableProductError(path, reason)


class _Worker:
    """A process that reads, one file at a time."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.asked = 0
        self.is_spent = False
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _START, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )
        self._input, self._output = self._process.stdin, self._process.stdout

    def answer(self, path: str, asked: bytes, silence: float) -> dict[str, Any]:
        """Return the answer."""
        self.asked += 1
        try:
            self._told(asked)
        except BrokenPipeError:
            return self._crashed()
        while True:
            line = self._line(path, silence)
            if line is None:
                return self._crashed()
            answer = _parsed(line)
            if "alive" not in answer:
                self.is_spent = bool(answer.get("ends"))
                return answer

    def _told(self, asked: bytes) -> None:
        assert self._input is not None
        while asked:
            asked = asked[self._input.write(asked) :]

    def _line(self, path: str, silence: float) -> bytes | None:
        """Return the next line; None at the end of the process."""
        assert self._output is not None
        got: list[bytes] = []
        size, until = 0, time.monotonic() + silence
        while size <= _ANSWER_LIMIT:
            if not select.select([self._output], [], [], max(0.0, until - time.monotonic()))[0]:
                raise UnreadableProductError(
                    path, f"there was no sign of life for {silence:g} s of reading it; {_TROUBLE}"
                )
            read = self._output.read(1 << 16)
            if not read:
                return None
            got.append(read)
            size += len(read)
            if read.endswith(b"\n"):
                return b"".join(got)
        raise UnreadableProductError(path, "it has more parts than can be told")

    def _crashed(self) -> dict[str, Any]:
        self.is_spent = True
        reason = f"reading it ended with status {self._process.wait()}; {_TROUBLE}"
        return {"error": "UnreadableProductError", "reason": reason}

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        self.let_go()

    def let_go(self) -> None:
        """Close our ends of the pipes; the process ends by that, unless it is another process's too."""
        for pipe in (self._input, self._output):
            if pipe is not None:
                pipe.close()


def _parsed(line: bytes) -> dict[str, Any]:
    """Return the last object told; a process that a file has got hold of may tell anything."""
    try:
        answer = json.loads(line.rstrip(b"\n").rpartition(b"\n")[2])
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict) and answer:
        return answer
    return {
        "error": "UnreadableProductError",
        "reason": f"its reader told nonsense; {_TROUBLE}",
        "ends": True,
    }


_idle: list[_Worker] = []
_lock = threading.Lock()


@contextmanager
def _worker() -> Iterator[_Worker]:
    """Give a process that waits, or a new one; afterwards it waits, unless something went wrong."""
    worker = _waiting() or _Worker()
    worker.is_spent, waits = True, False
    try:
        yield worker
    finally:
        with _lock:
            if not worker.is_spent and len(_idle) < _KEPT:
                _idle.append(worker)
                waits = True
        if not waits:
            worker.end()


def _waiting() -> _Worker | None:
    with _lock:
        while _idle:
            worker = _idle.pop()
            if worker.owner == os.getpid():
                return worker
            worker.let_go()  # the process that forked this one goes on using it
    return None


@atexit.register
def _ended() -> None:
    with _lock:
        while _idle:
            worker = _idle.pop()
            if worker.owner == os.getpid():
                worker.end()
