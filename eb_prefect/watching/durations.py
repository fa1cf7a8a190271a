# SPDX-License-Identifier: Apache-2.0
"""How long the phases of sessions lasted, so that the next such session is looked at in time.

Sessions are alike if they run the same executable on the same broker for
steps whose names differ in numbers at most, whatever their parameters and
data. Each kind of session has a file with a line a phase that was seen to
end; it is history only, so nothing is flushed to the disk and a line that
can't be read is left out.
"""

import hashlib
import json
import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple, TypeVar

from eb_prefect.model.executable import DockerContainer, Executable, JupyterNotebook, JupyterServer, Program
from eb_prefect.model.phase import Phase
from eb_prefect.model.steprun import BrokerIdentity
from eb_prefect.pace import Pace
from eb_prefect.watching.forecast import Forecast

K = TypeVar("K")
V = TypeVar("V")

_KEPT = 64
_LARGEST = 16 << 10
_REMEMBERED = 1000
_PHASES = frozenset(Phase)
_NUMBER = re.compile(r"\d+")


@dataclass
class _Lengths:
    """The latest lengths of one phase, how many were seen, and what was made of them at which number."""

    latest: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    seen: int = 0
    forecasts: dict[float, tuple[int, Forecast]] = field(default_factory=dict)


_Phases = dict[str, _Lengths]


def likeness(broker: BrokerIdentity, name: str, executable: Executable | None) -> str:
    """Return a name that is the same for sessions which are likely to last as long."""
    plain = _NUMBER.sub("0", name)  # many steps of a flow run differ in a number only
    same = json.dumps([broker.kind, broker.url or broker.name, plain, *_what(executable)])
    return hashlib.sha256(same.encode()).hexdigest()[:32]


def _what(executable: Executable | None) -> Iterator[str]:
    yield executable.kind or "" if executable else ""
    match executable:
        case DockerContainer():
            image = executable.image
            yield (image.digest or "".join(image.locations[:1])) if image else ""
            yield from executable.command[:2]
        case Program():
            yield from executable.command[:2]
        case JupyterNotebook() | JupyterServer():
            yield executable.location or ""
        case _:
            pass  # its kind is all that is known


class Durations:
    """What was seen of the lengths of phases, of this process and of earlier ones.

    Without a directory nothing is kept beyond this object, which remembers
    the kinds of session that were last spoken of. Phases that no dialect has
    are not noted.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._known: dict[str, _Phases] = {}
        self._guesses: dict[tuple[float, float | None], Forecast] = {}
        self._lock = threading.Lock()

    def note(self, like: str, phase: str, seconds: float) -> None:
        """Remember how long a phase lasted."""
        if phase not in _PHASES:
            return
        with self._lock:
            phases = self._of(like)
            lengths = phases.setdefault(phase, _Lengths())
            lengths.latest.append(seconds)
            lengths.seen += 1
            if self._directory is not None:
                with suppress(OSError):  # a full disk must not end the watching
                    _append(self._directory / like, phase, seconds, phases)

    def forecast(self, like: str, phase: str, price: float, guess: float | None = None) -> Forecast:
        """Return what the phases that were seen say of the next; made anew when there is much that is new.

        ``guess`` is about how many seconds it may last; it counts while none was seen.
        """
        with self._lock:
            lengths = self._of(like).get(phase)
            if lengths is None:
                return self._guessed(price, guess)
            known = lengths.forecasts.get(price)
            if known is not None and lengths.seen <= known[0] * 1.2:
                return known[1]
            made = Forecast(lengths.latest, price)
            lengths.forecasts[price] = (lengths.seen, made)
            return made

    def usual(self, like: str, phase: str) -> float | None:
        """Return the median of the lengths of a phase that were seen last, None if none was."""
        with self._lock:
            lengths = self._of(like).get(phase)
            return median(lengths.latest) if lengths is not None and lengths.latest else None

    def _guessed(self, price: float, guess: float | None) -> Forecast:
        found = self._guesses.pop((price, guess), None) or Forecast((), price, guess)
        return _kept(self._guesses, (price, guess), found)

    def _of(self, like: str) -> _Phases:
        found = self._known.pop(like, None)
        if found is None:
            found = {} if self._directory is None else _read(self._directory / like)
        return _kept(self._known, like, found)


def _kept(memory: dict[K, V], key: K, value: V) -> V:
    """Put the value into a memory that forgets what was used the longest time ago."""
    memory[key] = value
    if len(memory) > _REMEMBERED:
        del memory[next(iter(memory))]
    return value


class Habit(NamedTuple):
    """What is known of sessions that are alike, and how often they may be looked at."""

    durations: Durations
    like: str
    pace: Pace

    def note(self, phase: str, seconds: float) -> None:
        """Remember how long a phase lasted."""
        self.durations.note(self.like, phase, seconds)

    def wait(self, phase: str, age: float, guess: float | None = None) -> float:
        """Return the seconds until the next look at a phase that has lasted for ``age`` seconds."""
        return self.durations.forecast(self.like, phase, self.pace.price, guess).wait(age)


def _read(path: Path) -> _Phases:
    try:
        text = path.read_text(errors="replace")
    except OSError:  # there is none, or it is another user's
        return {}
    phases: _Phases = {}
    for line in text.splitlines():
        phase, _, seconds = line.partition(" ")
        if phase in _PHASES and seconds.replace(".", "", 1).isdecimal():
            phases.setdefault(phase, _Lengths()).latest.append(float(seconds))
    return phases


def _append(path: Path, phase: str, seconds: float, phases: _Phases) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(_line(phase, seconds))
        size = file.tell()
    if size > _LARGEST:
        fresh = path.with_name(f".{path.name}")
        fresh.write_text("".join(_lines(phases)))
        fresh.replace(path)


def _lines(phases: _Phases) -> Iterator[str]:
    for phase, lengths in phases.items():
        yield from (_line(phase, each) for each in lengths.latest)


def _line(phase: str, seconds: float) -> str:
    return f"{phase} {seconds:.3f}\n"
