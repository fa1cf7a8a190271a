# SPDX-License-Identifier: Apache-2.0
"""One slurmrestd: its version, and the records that it gives."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from eb_prefect.brokers.slurm import naming
from eb_prefect.brokers.slurm.slurmrestd import books
from eb_prefect.brokers.slurm.slurmrestd.complaints import NOBODY, NOTHING, UNKNOWN, words
from eb_prefect.brokers.slurm.slurmrestd.interface import DOCUMENT, VERSIONS, Interface, interface_of
from eb_prefect.brokers.slurm.slurmrestd.tasks import Place, Record
from eb_prefect.brokers.slurm.slurmrestd.wire import Answer, Parameters, Wire
from eb_prefect.errors import BrokerUnavailableError

_BACK = timedelta(days=2)


class Daemon:
    """What is asked of a slurmrestd, in the newest version up to ``newest`` that it has.

    Every verb raises `BrokerUnavailableError` where there is no answer.
    """

    def __init__(self, wire: Wire, user: str, newest: int) -> None:
        self._wire = wire
        self._user = user
        self._newest = newest
        self._known: Interface | None = None

    @property
    def interface(self) -> Interface:
        """The version that is spoken; chosen anew after there was no answer."""
        known = self._known or self._chosen()
        self._known = known
        return known

    def _chosen(self) -> Interface:
        found = interface_of(self._wire.ask("GET", DOCUMENT).document, self._newest)
        if found is None:
            versions = f"v0.0.{VERSIONS[0]} to v0.0.{self._newest}"
            raise self.unavailable(f"it has none of the versions {versions}")
        return found

    def about(self, handles: Collection[str]) -> list[Record]:
        """Return what slurmctld remembers of them, or more, by one call."""
        wholes = set(map(naming.whole_of, handles))
        return self.records(wholes.pop() if len(wholes) == 1 else None)

    def records(self, whole: str | None = None) -> list[Record]:
        """Return the records of one submission, or of everything that slurmctld remembers."""
        path = self.interface.path("jobs" if whole is None else f"job/{whole}")
        return self.rows("jobs", path, may=UNKNOWN)

    def booked(self, handles: Collection[str]) -> list[tuple[Place, Record]]:
        """Return what the books have of them, or more."""
        wholes = list(dict.fromkeys(map(naming.whole_of, handles)))
        rows = [row for call in self.interface.books_of(wholes) for row in self._rows(call)]
        return [(books.place(row), row) for row in rows]

    def rows_of_days(self) -> list[Record]:
        """Return what the books have of the last days: of this user where slurmrestd can tell users."""
        start = (datetime.now(UTC) - _BACK).strftime("%Y-%m-%d")
        days = [("start_time", start), ("skip_steps", "true")]
        if not self.interface.has_exact_books:
            return self._rows(days)
        answer = self.ask("GET", self.interface.books, [*days, ("users", self._user)])
        if answer.codes & NOBODY:
            return self._rows(days)
        return self._listed(self._fine(answer, NOTHING), "jobs")

    def _rows(self, parameters: Parameters) -> list[Record]:
        return self.rows("jobs", self.interface.books, parameters, may=NOTHING)

    def rows(
        self, key: str, path: str, parameters: Parameters = (), *, may: frozenset[int] = frozenset()
    ) -> list[Record]:
        """Return the objects in a list of an answer; see `asked` for the complaints that it ``may`` have."""
        return self._listed(self.asked("GET", path, parameters, may=may), key)

    def _listed(self, answer: Answer, key: str) -> list[Record]:
        """Return them; what is no list is no proof that there are none."""
        if not answer.complaints and not isinstance(answer.document.get(key), list):
            raise self.unavailable(f"it answers {answer.status} without {key}")
        return list(answer.rows(key))

    def asked(
        self,
        method: str,
        path: str,
        parameters: Parameters = (),
        *,
        given: Any = None,
        may: frozenset[int] = frozenset(),
    ) -> Answer:
        """Return an answer without complaints other than those of the numbers that it ``may`` have."""
        return self._fine(self.ask(method, path, parameters, given=given), may)

    def _fine(self, answer: Answer, may: frozenset[int]) -> Answer:
        if answer.codes - may:
            raise self.unavailable(words(answer.complaints))
        return answer

    def ask(
        self, method: str, path: str, parameters: Parameters = (), *, given: Any = None, is_safe: bool = True
    ) -> Answer:
        """Return an answer, whatever it complains of; see `Wire.ask`."""
        try:
            return self._wire.ask(method, path, parameters=parameters, body=given, is_safe=is_safe)
        except BrokerUnavailableError:
            self._known = None  # it may come back in another version
            raise

    def unavailable(self, reason: str) -> BrokerUnavailableError:
        """Return the error that says so."""
        return BrokerUnavailableError(self._wire.name, reason)
