# SPDX-License-Identifier: Apache-2.0
"""The records of a flow run as one page of it, drawn again as the run goes on."""

import atexit
from collections import OrderedDict
from contextvars import copy_context
from functools import partial
from threading import Lock
from time import monotonic
from uuid import UUID

from eb_prefect.artifacts import key_of
from eb_prefect.lasting import Lasting
from eb_prefect.reports.markdown import words
from eb_prefect.runs.here import Here
from eb_prefect.runs.shown import all_shown, beside, change_page, is_shown, make_page
from provenance.record import StepRecord
from provenance.reporting import lineage_page

MOST = 100
"""Records of a flow run that are drawn; more are counted."""

_REMEMBERED = 8  # flow runs
_LATEST = 30.0  # seconds that a picture may be behind
_after = Lasting(2.0)  # steps that end together are drawn together
_pages: OrderedDict[UUID, "_Page"] = OrderedDict()
_opening = Lock()


def show_lineage(at: Here, record: StepRecord) -> None:
    """Put the record of a step into the picture of its flow run."""
    if at.flow_run is None:
        return
    with _opening:
        if not _pages:
            atexit.register(_finish)
        page = _pages.pop(at.flow_run.id, None) or _Page(at)
        _pages[at.flow_run.id] = page
        while len(_pages) > _REMEMBERED:
            _pages.popitem(last=False)
    page.add(record, is_shown=is_shown(at))


class _Page:
    """The page of one flow run."""

    def __init__(self, at: Here) -> None:
        self._at = at
        self._records: dict[str, StepRecord] = {}
        self._left_out: set[str] = set()
        self._made: UUID | None = None
        self._is_new = False
        self._drawn = float("-inf")
        self._lock = Lock()

    def add(self, record: StepRecord, *, is_shown: bool) -> None:
        """Add a record, and have it drawn: at once, or with those that come soon after."""
        with self._lock:
            if record.digest in self._records or record.digest in self._left_out:
                return
            if is_shown and len(self._records) < MOST:
                self._records[record.digest] = record
            else:
                self._left_out.add(record.digest)
            if not self._records:
                return
            self._is_new = True
        if monotonic() - self._drawn > _LATEST:
            self._drawn = monotonic()
            beside(self.draw)
        else:
            _after.put(self, partial(copy_context().run, beside, self.draw))

    def draw(self) -> None:
        """Make the page, or put the newest picture into it."""
        with self._lock:
            if not self._is_new:
                return
            self._is_new = False
            records, left_out = [*self._records.values()], len(self._left_out)
        name = self._at.flow_run.name if self._at.flow_run else ""
        text = lineage_page(records, name, left_out)
        self._drawn = monotonic()
        if self._made is not None:
            change_page(self._made, text)
            return
        key = key_of("lineage", self._at.flow or "")
        self._made = make_page(self._at, key, text, f"Lineage of {words(name)}", of_flow=True)


def _finish() -> None:
    """Draw what waits when the process ends: no thread may be started then."""
    for page in _pages.values():
        _after.drop(page)
    all_shown()
    for page in _pages.values():
        page.draw()
