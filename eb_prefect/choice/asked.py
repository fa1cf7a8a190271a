# SPDX-License-Identifier: Apache-2.0
"""What several brokers answered to one request."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from eb_prefect.choice import table
from eb_prefect.choice.candidate import Candidate, Failure, Refusal, Unmet
from eb_prefect.choice.constraints import Constraint, unmet
from eb_prefect.choice.policies import Policy, ranked
from eb_prefect.errors import BrokerUnavailableError, EBError, NoOfferError

_WARNINGS = frozenset({"WARN", "ERROR"})


@dataclass(frozen=True)
class Asked:
    """Every broker's answer: offers, a refusal, or why there was none.

    ``candidates`` are in the order the brokers were asked, each broker's in
    its own, until they are `ranked`. ``at`` is when they were asked, from which
    constraints on times count. A notebook shows it as a table.
    """

    candidates: tuple[Candidate, ...]
    refusals: tuple[Refusal, ...]
    failures: tuple[Failure, ...]
    at: datetime
    names: tuple[str, ...]
    unmet: tuple[Unmet, ...] = ()

    def meeting(self, constraints: Iterable[Constraint]) -> "Asked":
        """Return the same with the offers that do not meet the constraints set apart."""
        given = tuple(constraints)
        judged = [Unmet(each, unmet(each, given, self.at)) for each in self.candidates]
        kept = tuple(each.candidate for each in judged if not each.reasons)
        failed = tuple(each for each in judged if each.reasons)
        return replace(self, candidates=kept, unmet=(*self.unmet, *failed))

    def ranked(self, policy: Policy) -> "Asked":
        """Return the same with the best candidate first."""
        return replace(self, candidates=ranked(self.candidates, policy))

    @property
    def best(self) -> Candidate:
        """The first candidate.

        Raises
        ------
        EBError
            There is none, see `trouble`.
        """
        if not self.candidates:
            raise self.trouble()
        return self.candidates[0]

    def trouble(self) -> EBError:
        """Return the error that says why there is no candidate.

        NoOfferError with the reasons of all if any broker did answer, the one
        failure if there is only one, and BrokerUnavailableError if trying
        later may help.
        """
        whole = ", ".join(self.names) or "no broker"
        if len(self.names) == len(self.refusals) == 1:
            return NoOfferError(whole, self.refusals[0].reasons)
        reasons = tuple(self.reasons())
        if not (self.refusals or self.unmet):
            if len(self.failures) == 1:
                return self.failures[0].error
            away = [each.error for each in self.failures if isinstance(each.error, BrokerUnavailableError)]
            if away:
                waits = [error.retry_after for error in away if error.retry_after is not None]
                return BrokerUnavailableError(whole, "; ".join(reasons), retry_after=min(waits, default=None))
        return NoOfferError(whole, reasons)

    def reasons(self) -> Iterator[str]:
        """Yield why each broker has no offer, or an offer is none, and by how much."""
        for refusal in self.refusals:
            yield f"{refusal.name}: {'; '.join(refusal.reasons) or 'NO, without a reason'}"
        for each in self.unmet:
            yield f"{each.candidate.title}: {'; '.join(each.reasons)}"
        for failure in self.failures:
            why = str(failure.error)  # most begin with the broker's name, which may be the same
            yield why if why.startswith(f"{failure.name} ") else f"{failure.name}: {why}"

    def remarks(self) -> Iterator[str]:
        """Yield each warning that comes with an offer, once for each broker."""
        made = (*self.candidates, *(each.candidate for each in self.unmet))
        whole = {id(each.offers): (each.name, each.offers.messages) for each in made}
        said = (*whole.values(), *((each.name, each.offer.messages) for each in made))
        yield from dict.fromkeys(
            f"{name}: {message.text}"
            for name, messages in said
            for message in messages
            if (message.level or "").upper() in _WARNINGS and message.text
        )

    def distinctions(self) -> Iterator[str]:
        """Yield what brokers say of an offer and not of all their offers, such as its queue."""
        made: dict[str, list[Candidate]] = {}
        for candidate in self.candidates:
            made.setdefault(candidate.name, []).append(candidate)
        for some in made.values():
            said = [[message.text for message in each.offer.messages if message.text] for each in some]
            for candidate, texts in zip(some, said, strict=True):
                own = (text for text in texts if not all(text in others for others in said))
                yield from (f"{candidate.title}: {text}" for text in own)

    def rows(self) -> list[dict[str, str]]:
        """Return a table with the same columns in each row, one a candidate and one a reason."""
        return table.rows(self.candidates, self._said(), self.at)

    def _repr_html_(self) -> str:
        return table.html(self.candidates, self._said(), self.at)

    def _said(self) -> list[str]:
        return [*self.remarks(), *self.reasons()]
