# SPDX-License-Identifier: Apache-2.0
"""The output of sessions, line by line while they run.

One thread a broker reads for all sessions of it: a file where it grows, and
another machine's from where it was read before.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

from eb_prefect.brokers.protocol import Broker, Remote
from eb_prefect.errors import EBError, OutputGoneError
from eb_prefect.lines import Lines
from eb_prefect.model.session import Session
from eb_prefect.outputs import read, stream_links

STREAMS = ("stdout", "stderr")
_SOONEST = 1.0
_LATEST = 15.0
_LATEST_HERE = 2.0
_SLOWER = 1.5
_SHARE = 3.0
"""How many times as long as it read the thread rests, so that it never takes all of a processor or a line."""
_LONGEST_REST = 5.0
_AT_ONCE = 1 << 20

_log = logging.getLogger("eb_prefect")

Say = Callable[[str, str], None]


@dataclass
class _Stream:
    location: str | None = None
    offset: int = 0
    lines: Lines = field(default_factory=Lines)


class Tail:
    """The output of one session, which goes on where it was when it is begun again.

    ``say`` is called with the name of a stream and a line of it, at most
    ``most`` times; then ``full`` is called, and no more is read.
    """

    def __init__(
        self, broker: Broker, session: Session, say: Say, full: Callable[[], None], most: int
    ) -> None:
        self._streams = {name: _Stream() for name in STREAMS}
        self._left = most
        self._failed_as = ""
        self.begin(broker, session, say, full)

    def begin(self, broker: Broker, session: Session, say: Say, full: Callable[[], None]) -> None:
        """Begin, or go on in another run."""
        self.broker, self.session = broker, session.uuid
        self._say, self._full = say, full
        self.pause = _SOONEST
        self.hear(session)

    def let_go(self) -> None:
        """Hold on to nothing of the run that it was read for; what comes after is said to nobody."""
        self._say, self._full = _nobody, _nobody

    @property
    def is_located(self) -> bool:
        """Whether it is known where a stream is."""
        return any(stream.location for stream in self._streams.values())

    @property
    def is_full(self) -> bool:
        """Whether all was said that may be."""
        return self._left <= 0

    def hear(self, session: Session) -> None:
        """Learn from a newer state of the session where its streams are."""
        for name, stream in self._streams.items():
            found = (each.location for each in stream_links(session, name) if each.location)
            stream.location = next(found, stream.location)

    def look(self, *, is_last: bool = False) -> None:
        """Say what is new; the last time also a line that has not ended, and what kept us from reading."""
        try:
            is_new = self._looked(is_last=is_last)
            self._failed_as = ""
        except (EBError, OSError) as error:
            is_new, self._failed_as = False, str(error)
        if is_last:
            self._end()
        latest = _LATEST if isinstance(self.broker, Remote) else _LATEST_HERE
        self.pause = _SOONEST if is_new else min(self.pause * _SLOWER, latest)

    def _looked(self, *, is_last: bool) -> bool:
        if not is_last and not self.is_located:
            self.hear(self.broker.session(self.session))
        before = sum(stream.offset for stream in self._streams.values())
        for name, stream in self._streams.items():
            if stream.location and not self.is_full:
                self._read(name, stream, stream.location, is_last=is_last)
        return sum(stream.offset for stream in self._streams.values()) > before

    def _read(self, name: str, stream: _Stream, location: str, *, is_last: bool) -> None:
        began = stream.offset
        pieces = read(self.broker, location, stream.offset)
        try:
            for piece in pieces:
                stream.offset += len(piece)
                self._say_all(name, stream.lines.feed(piece))
                if self.is_full or (stream.offset - began >= _AT_ONCE and not is_last):
                    return
        except OutputGoneError:
            if is_last:  # a broker may tell of a stream before there is one
                raise
        finally:
            _close(pieces)

    def _say_all(self, name: str, lines: list[str]) -> None:
        for line in lines:
            if self.is_full:
                return
            if line.strip():
                self._say(name, line)
                self._left -= 1
                if self.is_full:
                    self._full()

    def _end(self) -> None:
        for name, stream in self._streams.items():
            self._say_all(name, stream.lines.end())
        if self._failed_as:
            _log.warning("the output of session %s can't be read: %s", self.session, self._failed_as)


class Tails:
    """Reads the output of any number of sessions in one thread, which is there while there are some."""

    def __init__(self) -> None:
        self._due: dict[Tail, float] = {}
        self._asked: deque[tuple[Tail, bool, Future[None]]] = deque()
        self._came = threading.Condition()
        self._is_served = False

    def put(self, tail: Tail) -> None:
        """Read the output from now on, soon at first."""
        with self._came:
            if not tail.is_full:
                tail.pause = _SOONEST
                self._due[tail] = time.monotonic() + tail.pause
                self._serve()

    def drop(self, tail: Tail) -> None:
        """Read it no more."""
        with self._came:
            self._due.pop(tail, None)

    def read_now(self, tail: Tail, *, is_last: bool) -> "Future[None]":
        """Read what there is before anything else; what is returned is done then."""
        done: Future[None] = Future()
        with self._came:
            self._asked.append((tail, is_last, done))
            if is_last:
                self._due.pop(tail, None)
            self._serve()
        return done

    def _serve(self) -> None:
        self._came.notify()
        if not self._is_served:
            self._is_served = True
            threading.Thread(target=self._run, name="eb-output", daemon=True).start()

    def _run(self) -> None:
        while (turn := self._next()) is not None:
            tail, is_last, done = turn
            began = time.monotonic()
            try:
                tail.look(is_last=is_last)
            except Exception as error:  # noqa: BLE001 -- whatever it is, the step goes on without its output
                _log.warning("the output of session %s: %s", tail.session, error)
                self.drop(tail)
            finally:
                if done is not None:
                    done.set_result(None)
            self._rest(tail, time.monotonic() - began)

    def _next(self) -> tuple[Tail, bool, "Future[None] | None"] | None:
        with self._came:
            while not self._asked:
                if not self._due:
                    self._is_served = False
                    return None
                tail = min(self._due, key=self._due.__getitem__)
                wait = self._due[tail] - time.monotonic()
                if wait <= 0:
                    return tail, False, None
                self._came.wait(wait)
            return self._asked.popleft()

    def _rest(self, tail: Tail, took: float) -> None:
        with self._came:
            if tail.is_full:
                self._due.pop(tail, None)
            if tail in self._due:
                self._due[tail] = time.monotonic() + tail.pause
            if not self._asked:
                self._came.wait(min(took * _SHARE, _LONGEST_REST))


_tails: dict[tuple[int, str], Tails] = {}


def tails_of(broker: Broker) -> Tails:
    """Return what reads the output of a broker's sessions; one that is slow delays no other."""
    where = broker.identity
    return _tails.setdefault((os.getpid(), f"{where.kind} {where.url or where.name}"), Tails())


def _nobody(*_: str) -> None:
    """Hear a line, and leave it."""


def _close(pieces: Iterator[bytes]) -> None:
    close = getattr(pieces, "close", None)
    if close is not None:
        close()
