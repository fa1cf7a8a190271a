# SPDX-License-Identifier: Apache-2.0
"""Slurm by its REST interface."""

import getpass
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property

from eb_prefect.brokers.batch.scheduler import (
    Account,
    Queue,
    Seen,
    Submission,
    SubmissionRefusedError,
    TooManyWaitError,
    Trial,
)
from eb_prefect.brokers.http.network import Network
from eb_prefect.brokers.slurm import naming
from eb_prefect.brokers.slurm.command_line import TOO_MANY
from eb_prefect.brokers.slurm.slurmrestd import books, records
from eb_prefect.brokers.slurm.slurmrestd.complaints import ENDED, words
from eb_prefect.brokers.slurm.slurmrestd.daemon import Daemon
from eb_prefect.brokers.slurm.slurmrestd.description import body
from eb_prefect.brokers.slurm.slurmrestd.interface import VERSIONS
from eb_prefect.brokers.slurm.slurmrestd.partitions import queues
from eb_prefect.brokers.slurm.slurmrestd.tasks import Place, Record, by_handle, numbers
from eb_prefect.brokers.slurm.slurmrestd.values import Code
from eb_prefect.brokers.slurm.slurmrestd.wire import Answer, Wire
from eb_prefect.model.phase import FINAL, Phase

_AT_ONCE = 500
_LARGEST = 10_000
"""How many tasks an array of ours can have, by far."""
_NOTED = "the books of this version of Slurm's REST interface lose exit codes"


class SlurmREST:
    """Slurm by slurmrestd, in its versions 0.0.38 to 0.0.42: the newest that the daemon has.

    ``at`` is ``http://HOST:PORT``, ``https://`` the same, or ``unix:/PATH``.
    ``token`` gives the JSON Web Token of ``user``, anew when one ends or is
    refused; without it nobody is named, which a daemon on a Unix socket that
    runs as this user takes. ``patience`` is how many seconds an answer may take,
    ``newest`` the last number of the newest version to speak.

    A submission gets no environment but a PATH, and finds USER and HOME on its
    node. What REST can't tell: when something would start, and from v0.0.40 on
    which partition is the default one, so they come in the order of Slurm's own.
    Exit codes with v0.0.38 and v0.0.39 are those that slurmctld remembers, for
    five minutes if its administrator did not change that.
    """

    def __init__(  # noqa: PLR0913 -- each is another matter
        self,
        at: str,
        *,
        user: str | None = None,
        token: Callable[[], str] | None = None,
        network: Network | None = None,
        patience: float = 60.0,
        newest: int = VERSIONS[-1],
    ) -> None:
        self._user = user or getpass.getuser()
        wire = Wire(at, self._user, token, network=network, patience=patience)
        self._daemon = Daemon(wire, self._user, newest)

    @cached_property
    def name(self) -> str:
        """The cluster's own name, that of its controller's machine where it does not tell."""
        answer = self._daemon.asked("GET", self._daemon.interface.path("ping"))
        cluster = ((answer.document.get("meta") or {}).get("slurm") or {}).get("cluster")
        hosts = [str(row.get("hostname")) for row in answer.rows("pings")]
        return f"Slurm cluster {cluster}" if cluster else f"Slurm of {', '.join(hosts)}"

    most_tasks = 1000
    """The usual limit of Slurm, which older versions don't tell by REST."""

    @property
    def keeps_accounts(self) -> bool:
        """True: where there is no database, what slurmctld remembers stands in for its books."""
        return True

    def queues(self) -> tuple[Queue, ...]:
        """Return the partitions."""
        partitions = self._daemon.rows("partitions", self._daemon.interface.path("partitions"))
        return queues(partitions, self._daemon.rows("nodes", self._daemon.interface.path("nodes")))

    def trial(self, submission: Submission) -> Trial:
        """Return whether its options can be said by REST, which tells no more."""
        try:
            body(submission, self._daemon.interface)
        except SubmissionRefusedError as refused:
            return Trial(refusal=str(refused))
        return Trial()

    def submit(self, submission: Submission) -> tuple[str, ...]:
        """Submit it; never requeued, so that nothing runs twice.

        Raises
        ------
        SubmissionRefusedError
            Slurm's reason.
        BrokerUnavailableError
            No answer; `find` says whether it is known.
        """
        path = self._daemon.interface.path("job/submit")
        answer = self._daemon.ask("POST", path, given=body(submission, self._daemon.interface), is_safe=False)
        first = answer.document.get("job_id")
        if not isinstance(first, int) or first <= 0:
            raise self._unsubmitted(answer)
        return tuple(naming.handle(str(first), n, submission.tasks) for n in range(submission.tasks))

    def find(self, identifier: str) -> Mapping[int, str]:
        """Look among what slurmctld knows, then in the books of the last days.

        Slurm keeps a record of what it refused too, which is left out. It cuts
        off long lists of tasks that wait; then more numbers are in the answer
        than there are tasks.
        """
        own = [
            row for row in self._daemon.records() if records.is_of(row, self._user) and records.was_taken(row)
        ]
        found = [records.place(row) for row in own if records.identifier(row) == identifier]
        if not found and self._daemon.interface.has_books:
            taken = [row for row in self._daemon.rows_of_days() if books.was_taken(row)]
            found = [books.place(row) for row in taken if books.is_named(row, identifier)]
        ordered = sorted(found, key=lambda place: not place.waiting)
        return {number: handle for place in ordered for number, handle in _handles(place)}

    def look(self, handles: Collection[str]) -> Mapping[str, Seen]:
        """Return all of them by one call: for one submission, or for all that slurmctld knows.

        A task that was cancelled while others of its array went on waiting has
        no record anywhere; a second call to the books then makes sure that it
        never started.
        """
        if not handles:
            return {}
        placed = [(records.place(row), records.seen(row)) for row in self._daemon.about(handles)]
        found = by_handle(handles, placed)
        known = {place.whole for place, _ in placed}
        gone = [each for each in handles if each not in found and naming.whole_of(each) in known]
        return found | self._never_started(gone)

    def _never_started(self, handles: Collection[str]) -> dict[str, Seen]:
        if not handles or not self._daemon.interface.has_books:
            return {}
        seen = Seen(Phase.CANCELLED, "CANCELLED", "it was cancelled while it waited")
        started = {place for place, _ in self._daemon.booked(handles)}
        return {
            handle: seen
            for handle in handles
            if Place(naming.whole_of(handle), naming.number_of(handle)) not in started
        }

    def accounts(self, handles: Collection[str]) -> Mapping[str, Account]:
        """Return what slurmdbd has about them; where there is none, what slurmctld remembers."""
        if not handles:
            return {}
        placed = self._amended(handles) if self._daemon.interface.has_books else self._remembered(handles)
        found = by_handle(handles, placed)
        return {handle: account for handle, account in found.items() if account.phase in FINAL}

    def cancel(self, handles: Sequence[str]) -> None:
        """Cancel them; what has ended or is unknown is passed over."""
        if not self._daemon.interface.cancels_many:
            for each in self._joined(handles):
                self._daemon.asked("DELETE", self._daemon.interface.path(f"job/{each}"), may=ENDED)
            return
        for start in range(0, len(handles), _AT_ONCE):
            self._cancel_many(list(handles[start : start + _AT_ONCE]))

    def _cancel_many(self, handles: list[str]) -> None:
        """Cancel them by one call, whose answer has an error for each that could not be."""
        answer = self._daemon.asked(
            "DELETE", self._daemon.interface.path("jobs/"), given={"jobs": handles}, may=ENDED
        )
        kept = [row.get("error") or {} for row in answer.rows("status")]
        if said := [str(error.get("string")) for error in kept if error.get("code") not in {0, *ENDED}]:
            raise self._daemon.unavailable("; ".join(dict.fromkeys(said)))

    def _amended(self, handles: Collection[str]) -> list[tuple[Place, Account]]:
        """Return what the books have, with the exit codes that slurmctld remembers where they lose them."""
        placed = self._daemon.booked(handles)
        if self._daemon.interface.has_exact_books:
            return [(place, books.account(row)) for place, row in placed]
        known = dict(self._remembered(handles))
        return [(place, _amended(row, known.get(place))) for place, row in placed]

    def _remembered(self, handles: Collection[str]) -> list[tuple[Place, Account]]:
        return [(records.place(row), records.account(row)) for row in self._daemon.about(handles)]

    def _joined(self, handles: Sequence[str]) -> Iterable[str]:
        """Return the same with one number for an array all of whose tasks are to end, to ask but once."""
        for whole in dict.fromkeys(map(naming.whole_of, handles)):
            some = {handle for handle in handles if naming.whole_of(handle) == whole}
            yield from [whole] if len(some) > 1 and self._is_all(whole, some) else sorted(some)

    def _is_all(self, whole: str, handles: Collection[str]) -> bool:
        live = [
            records.place(row) for row in self._daemon.records(whole) if records.seen(row).phase not in FINAL
        ]
        known = {naming.number_of(handle) for handle in handles}
        return all(_numbers(place) <= known for place in live)

    def _unsubmitted(self, answer: Answer) -> Exception:
        said = words(answer.complaints) or f"status {answer.status}"
        user = str(answer.document.get("job_submit_user_msg") or "")
        if user or any(complaint.is_refusal for complaint in answer.complaints):
            kind = TooManyWaitError if TOO_MANY.search(said) else SubmissionRefusedError
            return kind("; ".join(filter(None, [said, user])))
        return self._daemon.unavailable(said)


def _numbers(place: Place) -> set[int | None]:
    """Return the numbers of its tasks; None is among them where not all are known."""
    if not place.waiting:
        return {place.number}
    listed = numbers(place.waiting)
    return set(listed.numbers) if listed.is_whole else {None}


def _handles(place: Place) -> Iterable[tuple[int, str]]:
    """Return the handles of its tasks; where Slurm cuts off their list, of all that may be in it."""
    if place.waiting:
        listed = numbers(place.waiting)
        return [(number, f"{place.whole}_{number}") for number in range(_LARGEST) if listed.has(number)]
    if place.number is None:
        return [(0, place.whole)]
    return [(place.number, f"{place.whole}_{place.number}")]


def _amended(row: Record, known: Account | None) -> Account:
    """Return the account with the exit code that slurmctld remembers; only success is certain without."""
    end = Code(known.exit_code, known.signal) if known else Code()
    told = books.account(row, end)
    if known is not None:
        return told
    if told.phase is Phase.COMPLETED:
        return told._replace(exit_code=0)
    if told.phase is Phase.CANCELLED:
        return told
    return told._replace(reason="; ".join(filter(None, [told.reason, _NOTED])))
