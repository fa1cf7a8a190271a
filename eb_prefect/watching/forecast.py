# SPDX-License-Identifier: Apache-2.0
"""When a phase is likely to be over, and when to look so that few looks find out soon.

If a phase that has lasted ``t`` seconds ends with the hazard ``h(t)``, looks
at a rate of ``sqrt(h / (2 * price))`` make the sum of expected delay and
``price`` times the number of looks the least. The hazard is that of a
mixture: a log-normal one fitted to how long the phase lasted in such
sessions before, or wide around a guess, and one that knows nothing of the
scale, with a hazard of ``1 / t``. The second is all there is without either,
and takes over again when a session outlasts what was expected.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import erfc, exp, log, pi, sqrt
from statistics import fmean
from typing import NamedTuple

_TIMES = tuple(exp(n / 10) for n in range(-70, 161))  # from a millisecond to some months
_NARROWEST = 0.02
_PRIOR_SPREAD = 0.5
_PRIOR_WEIGHT = 2.0
_GUESS_SPREAD = 1.0
_GUESS_KNOWN = 0.7


class _Expected(NamedTuple):
    """The log-normal part: its share, and mean and spread of the logarithm."""

    known: float
    mean: float
    spread: float


class Forecast:
    """Says how long to wait before the next look at a phase.

    ``lengths`` are seconds that the phase lasted in such sessions, ``price``
    is the delay in seconds that one look is worth. ``guess`` is about how
    many seconds the phase may last, for where nothing was seen yet.
    """

    def __init__(self, lengths: Sequence[float], price: float, guess: float | None = None) -> None:
        hazards = list(_hazards(_expected(lengths, guess), 2 * price))
        rates = [sqrt(hazard / (2 * price)) for hazard in hazards]
        looks = [(_TIMES[n + 1] - _TIMES[n]) * (rates[n] + rates[n + 1]) / 2 for n in range(len(rates) - 1)]
        self._looks = array("d", accumulate(looks, initial=_TIMES[0] * rates[0]))

    def wait(self, age: float) -> float:
        """Return the seconds until the next look at a phase that has lasted for ``age`` seconds."""
        return self._age_at(self._looks_by(age) + 1) - age

    def _looks_by(self, age: float) -> float:
        n = bisect_right(_TIMES, age) - 1
        if n < 0:
            return self._looks[0] * max(age, 0.0) / _TIMES[0]
        if n >= len(_TIMES) - 1:
            return self._looks[-1]
        share = (age - _TIMES[n]) / (_TIMES[n + 1] - _TIMES[n])
        return self._looks[n] + share * (self._looks[n + 1] - self._looks[n])

    def _age_at(self, looks: float) -> float:
        n = bisect_right(self._looks, looks) - 1
        if n < 0:
            return _TIMES[0] * looks / self._looks[0]
        if n >= len(_TIMES) - 1:
            return 2 * _TIMES[-1]
        share = (looks - self._looks[n]) / (self._looks[n + 1] - self._looks[n])
        return _TIMES[n] + share * (_TIMES[n + 1] - _TIMES[n])


def _hazards(expected: _Expected, scale: float) -> Iterator[float]:
    known, mean, spread = expected
    for t in _TIMES:
        density = (1 - known) * scale / (scale + t) ** 2
        survival = (1 - known) * scale / (scale + t)
        if known:
            z = (log(t) - mean) / spread
            density += known * exp(-z * z / 2) / (t * spread * sqrt(2 * pi))
            survival += known * erfc(z / sqrt(2)) / 2
        yield density / survival


def _expected(lengths: Sequence[float], guess: float | None) -> _Expected:
    """Return what is expected; few lengths are trusted to lie within a factor of two."""
    if not lengths:
        return _Expected(_GUESS_KNOWN, log(guess), _GUESS_SPREAD) if guess else _Expected(0.0, 0.0, 1.0)
    logs = [log(max(length, 1e-3)) for length in lengths]
    mean, n = fmean(logs), len(logs)
    squares = sum((x - mean) ** 2 for x in logs) + _PRIOR_WEIGHT * _PRIOR_SPREAD**2
    variance = squares / (n - 1 + _PRIOR_WEIGHT) * (1 + 1 / n)
    return _Expected(n / (n + 1), mean, max(sqrt(variance), _NARROWEST))
