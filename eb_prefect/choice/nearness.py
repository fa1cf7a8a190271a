# SPDX-License-Identifier: Apache-2.0
"""How near the data are to a broker: what share of their bytes has a copy at its site."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from eb_prefect.model.data import SkaoData, SkaoTerms
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session

_SEGMENT = re.compile(r"[\W_]+")
_SILENT = SkaoTerms()


class Site(NamedTuple):
    """Where a broker's sessions run.

    ``rses`` are its Rucio storage elements. Without them they are those that
    have the site's name as a part of theirs, in capitals or not: SPSRC has
    SPSRC_STORM, and SPS has not.
    """

    name: str | None = None
    rses: tuple[str, ...] = ()

    def has(self, rse: str) -> bool:
        """Whether a storage element is at the site."""
        if self.rses:
            return rse.casefold() in {name.casefold() for name in self.rses}
        mine, its = _segments(self.name or ""), _segments(rse)
        return bool(mine) and any(its[n : n + len(mine)] == mine for n in range(len(its) - len(mine) + 1))


class _Datum(NamedTuple):
    size: int
    rses: tuple[str, ...]


def nearness(site: Site, request: ExecutionRequest, offer: Session) -> float | None:
    """Return the share of the data that has a replica at the site, from 0 to 1.

    It is of bytes, or of the number of data where some size is not told.
    Data that say nothing of their replicas do not count; None if there are no
    others, or if the site is not known.
    """
    data = tuple(_data(request, offer))
    if not data or not (site.name or site.rses):
        return None
    sizes = [datum.size for datum in data] if all(datum.size > 0 for datum in data) else [1] * len(data)
    near = [any(map(site.has, datum.rses)) for datum in data]
    return sum(size for size, here in zip(sizes, near, strict=True) if here) / sum(sizes)


def _data(request: ExecutionRequest, offer: Session) -> Iterator[_Datum]:
    """Yield what is told of replicas: by the offer, which may have looked, else by the request."""
    asked = dict(_terms(request.data))
    for name, told in _terms(offer.data or request.data):
        also = asked.get(name, _SILENT)
        replicas = told.replicas or also.replicas
        rses = tuple(replica.rsename for replica in replicas if replica.rsename)
        if rses:
            yield _Datum(told.datasize or also.datasize or 0, rses)


def _terms(data: Iterable[object]) -> Iterator[tuple[str | None, SkaoTerms]]:
    for datum in data:
        if isinstance(datum, SkaoData):
            yield datum.name, datum.skao or _SILENT


def _segments(name: str) -> list[str]:
    return [segment for segment in _SEGMENT.split(name.casefold()) if segment]
