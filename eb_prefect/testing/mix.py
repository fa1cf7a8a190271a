# SPDX-License-Identifier: Apache-2.0
"""Sessions of several classes, whose durations are drawn as those of real work are spread."""

import math
import random
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock

from eb_prefect.model.executable import DockerContainer, Image
from eb_prefect.model.request import ExecutionRequest, Requested, RequestSchedule
from eb_prefect.testing.script import Script


@dataclass(frozen=True)
class Class:
    """Sessions of one sort: half of them last longer than ``median`` seconds.

    Their durations are lognormal: ``sigma`` is the spread of the logarithm.
    ``share`` is how many of all sessions are of this class, in any unit.
    """

    name: str
    median: float
    sigma: float
    share: float


def classes(text: str) -> tuple[Class, ...]:
    """Return the classes in a text like ``cutout:20:0.3:0.5,imaging:600:0.4:0.5``.

    Each is name, median in seconds, sigma and share.

    Raises
    ------
    ValueError
        The text is none such.
    """
    return tuple(_class(part) for part in text.split(","))


class Mix:
    """Writes a script for each session; the same seed draws the same durations in the same order.

    Give it to a broker as its script. A request whose executable, or else
    itself, has the name of a class gets a session of that class, any other
    one of a class drawn by share. A share ``failing`` of all ends FAILED.
    ``speed`` is that of the broker's clock.
    """

    def __init__(
        self, given: tuple[Class, ...], *, seed: int = 0, failing: float = 0.0, speed: float = 1.0
    ) -> None:
        self.classes = {each.name: each for each in given}
        self.failing = failing
        self.speed = speed
        self._random = random.Random(seed)  # noqa: S311 - keeps no secret
        self._lock = Lock()

    def __call__(self, request: ExecutionRequest) -> Script:
        """Return the script of a session, as the public broker's phases follow each other."""
        named = request.executable.name if request.executable else None
        found = self.classes.get(named or request.name or "")
        with self._lock:
            kind = found or self._drawn()
            lasts = kind.median * math.exp(self._random.gauss(0.0, kind.sigma))
            fails = self._random.random() < self.failing
        return (
            (min(1.0, lasts * 0.05), "PREPARING"),
            (min(30.0, lasts * 0.2), "AVAILABLE"),
            (lasts - min(2.0, lasts * 0.05), "RELEASING"),
            (lasts, "FAILED" if fails else "COMPLETED"),
        )

    def request(self) -> ExecutionRequest:
        """Return a request of a class drawn by share, that asks for twice its median, in real time."""
        with self._lock:
            kind = self._drawn()
        image = Image(locations=(f"registry.example.org/{kind.name}:1",), digest=f"sha256:{'0' * 64}")
        asked = timedelta(minutes=math.ceil(2 * kind.median / 60)) / self.speed
        return ExecutionRequest(
            executable=DockerContainer(name=kind.name, image=image),
            schedule=RequestSchedule(requested=Requested(duration=asked)),
        )

    def _drawn(self) -> Class:
        given = tuple(self.classes.values())
        return self._random.choices(given, [each.share for each in given])[0]


def _class(text: str) -> Class:
    parts = text.strip().split(":")
    if len(parts) != 4:
        raise ValueError(f"{text!r} is not name:median:sigma:share")
    return Class(parts[0], *map(float, parts[1:]))
