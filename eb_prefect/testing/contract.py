# SPDX-License-Identifier: Apache-2.0
"""What every broker must do, as tests that any broker's tests inherit."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

import pytest

from eb_prefect.brokers.protocol import Broker
from eb_prefect.errors import OfferGoneError, UnknownSessionError
from eb_prefect.model.phase import FINAL, NOT_ACCEPTED, Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session

_ORDER = tuple(Phase)
_UNKNOWN = "7d4c1f6e-0b52-4c8e-9a35-2f1d6b8e0c47"


class Bench(Protocol):
    """A broker under test, with what can be run on it; it can be pickled.

    Requests make programs that note each start and each proper end where
    ``starts`` and ``ends`` find them without asking the broker. ``patience``
    is how many seconds a short session may take from its acceptance to its
    end, or from a cancellation.
    """

    patience: float
    tells_exit_codes: bool

    def broker(self) -> Broker:
        """Return a new object for the same broker."""
        ...

    def succeeding(self) -> ExecutionRequest:
        """Return what ends at once and well."""
        ...

    def failing(self, code: int) -> ExecutionRequest:
        """Return what ends at once with an exit code."""
        ...

    def lasting(self, seconds: float) -> ExecutionRequest:
        """Return what runs for so long."""
        ...

    def impossible(self) -> ExecutionRequest:
        """Return what the broker can't offer."""
        ...

    def alternatives(self) -> ExecutionRequest | None:
        """Return what gets more than one offer, None if nothing does."""
        ...

    def short_lived(self) -> Broker | None:
        """Return the broker with offers that expire within a second, None if it can't."""
        ...

    def starts(self) -> int:
        """Count how often a program was started."""
        ...

    def ends(self) -> int:
        """Count how often a program came to its proper end."""
        ...


class BrokerContract:
    """Inherit it, and give it a fixture ``bench``; fixtures for each test are new and empty."""

    @pytest.fixture
    def broker(self, bench: Bench) -> Broker:
        """Return the broker under test."""
        return bench.broker()

    def test_yes_has_open_offers_each_with_an_identifier_of_its_own(
        self, broker: Broker, bench: Bench
    ) -> None:
        answers = [broker.request_offers(bench.succeeding()) for _ in range(2)]
        offers = [offer for answer in answers for offer in answer.offers]
        assert all(answer.result == "YES" and answer.offers for answer in answers)
        assert {offer.phase for offer in offers} == {Phase.OFFERED}
        assert len({offer.uuid for offer in offers}) == len(offers)
        assert all(offer.expires is None or offer.expires > datetime.now(UTC) for offer in offers)

    def test_no_has_reasons_and_no_offers(self, broker: Broker, bench: Bench) -> None:
        answer = broker.request_offers(bench.impossible())
        assert (answer.result, answer.offers) == ("NO", ())
        assert any(message.text for message in answer.messages)

    def test_offers_that_nobody_accepts_run_nothing(self, broker: Broker, bench: Bench) -> None:
        ignored = offered(broker, bench.succeeding())
        finish(broker, offered(broker, bench.succeeding()), bench)
        assert broker.session(ignored.uuid).phase in NOT_ACCEPTED
        assert bench.starts() == 1

    def test_an_offer_reads_as_it_was_made(self, broker: Broker, bench: Bench) -> None:
        offer = offered(broker, bench.succeeding())
        found = broker.session(offer.uuid)
        assert (found.uuid, found.phase, found.expires) == (offer.uuid, Phase.OFFERED, offer.expires)

    def test_an_accepted_offer_is_run_to_its_end_once(self, broker: Broker, bench: Bench) -> None:
        final = finish(broker, offered(broker, bench.succeeding()), bench)
        assert final.phase == Phase.COMPLETED
        assert (bench.starts(), bench.ends()) == (1, 1)

    def test_a_second_accept_starts_nothing_and_tells_how_it_is(self, broker: Broker, bench: Bench) -> None:
        offer = offered(broker, bench.succeeding())
        broker.accept(offer.uuid)
        assert broker.accept(offer.uuid).phase not in NOT_ACCEPTED
        final = wait_final(broker, offer.uuid, bench)
        assert broker.accept(offer.uuid).phase == final.phase
        assert bench.starts() == 1

    def test_accepts_at_the_same_time_run_it_once(self, bench: Bench) -> None:
        offer = offered(bench.broker(), bench.succeeding())
        with ThreadPoolExecutor(8) as threads:
            phases = list(threads.map(lambda _: bench.broker().accept(offer.uuid).phase, range(16)))
        assert not NOT_ACCEPTED.intersection(phases)
        wait_final(bench.broker(), offer.uuid, bench)
        assert bench.starts() == 1

    def test_accepts_from_several_processes_run_it_once(self, bench: Bench) -> None:
        offer = offered(bench.broker(), bench.succeeding())
        with elsewhere(3) as processes:
            phases = list(processes.map(accept_elsewhere, [bench] * 6, [offer.uuid] * 6))
        assert not NOT_ACCEPTED.intersection(phases)
        wait_final(bench.broker(), offer.uuid, bench)
        assert bench.starts() == 1

    def test_accepting_one_offer_withdraws_the_others_of_its_set(self, broker: Broker, bench: Bench) -> None:
        if (request := bench.alternatives()) is None:
            pytest.skip("this broker makes one offer at a time")
        taken, *others = broker.request_offers(request).offers
        broker.accept(taken.uuid)
        assert others
        assert {broker.session(other.uuid).phase for other in others} == {Phase.REJECTED}
        with pytest.raises(OfferGoneError):
            broker.accept(others[0].uuid)
        wait_final(broker, taken.uuid, bench)
        assert bench.starts() == 1

    def test_an_expired_offer_can_not_be_accepted(self, bench: Bench) -> None:
        if (broker := bench.short_lived()) is None:
            pytest.skip("this broker's offers live too long for a test")
        offer = offered(broker, bench.succeeding())
        wait_until(lambda: broker.session(offer.uuid).phase == Phase.EXPIRED, bench.patience)
        with pytest.raises(OfferGoneError):
            broker.accept(offer.uuid)
        assert broker.session(offer.uuid).phase == Phase.EXPIRED
        assert bench.starts() == 0

    def test_phases_come_in_their_order_and_none_twice(self, broker: Broker, bench: Bench) -> None:
        offer = offered(broker, bench.lasting(0.2))
        seen = [offer.phase, broker.accept(offer.uuid).phase]
        seen += [session.phase for session in follow(broker, offer.uuid, bench)]
        ranks = [_ORDER.index(Phase(phase)) for phase in seen]
        assert ranks == sorted(ranks)
        assert seen[-1] == Phase.COMPLETED

    def test_a_final_session_never_changes_its_phase_again(self, broker: Broker, bench: Bench) -> None:
        final = finish(broker, offered(broker, bench.succeeding()), bench)
        broker.cancel(final.uuid)
        broker.accept(final.uuid)
        assert {bench.broker().session(final.uuid).phase for _ in range(5)} == {final.phase}

    def test_a_failure_is_told(self, broker: Broker, bench: Bench) -> None:
        final = finish(broker, offered(broker, bench.failing(3)), bench)
        assert final.phase == Phase.FAILED
        if bench.tells_exit_codes:
            assert final.outcome is not None
            assert final.outcome.exit_code == 3
            assert any("3" in message.text for message in final.messages)

    def test_an_offer_can_be_cancelled(self, broker: Broker, bench: Bench) -> None:
        offer = offered(broker, bench.succeeding())
        assert broker.cancel(offer.uuid).phase == Phase.CANCELLED
        with suppress(OfferGoneError):  # over the wire a cancelled offer looks like any cancelled session
            assert broker.accept(offer.uuid).phase == Phase.CANCELLED
        assert bench.starts() == 0

    def test_a_session_can_be_cancelled_as_soon_as_it_is_accepted(self, broker: Broker, bench: Bench) -> None:
        offer = offered(broker, bench.lasting(60))
        broker.accept(offer.uuid)
        broker.cancel(offer.uuid)
        assert wait_final(broker, offer.uuid, bench).phase == Phase.CANCELLED
        assert bench.ends() == 0

    def test_a_running_session_can_be_cancelled_twice(self, broker: Broker, bench: Bench) -> None:
        offer = offered(broker, bench.lasting(60))
        broker.accept(offer.uuid)
        wait_until(lambda: bench.starts() == 1, bench.patience)
        broker.cancel(offer.uuid)
        broker.cancel(offer.uuid)
        assert wait_final(broker, offer.uuid, bench).phase == Phase.CANCELLED
        assert (bench.starts(), bench.ends()) == (1, 0)

    def test_cancelling_what_has_ended_changes_nothing(self, broker: Broker, bench: Bench) -> None:
        final = finish(broker, offered(broker, bench.succeeding()), bench)
        assert broker.cancel(final.uuid).phase == final.phase == Phase.COMPLETED

    @pytest.mark.parametrize(
        "session", ["7d4c1f6e-0b52-4c8e-9a35-2f1d6b8e0c47", "no-identifier", "../sessions", ""]
    )
    @pytest.mark.parametrize("verb", ["accept", "session", "cancel"])
    def test_an_unknown_session_is_said_to_be_unknown(self, broker: Broker, verb: str, session: str) -> None:
        with pytest.raises(UnknownSessionError):
            getattr(broker, verb)(session)

    def test_a_session_is_found_again_by_another_object(self, broker: Broker, bench: Bench) -> None:
        offer = offered(broker, bench.succeeding())
        assert bench.broker().session(offer.uuid).phase == Phase.OFFERED
        final = finish(bench.broker(), offer, bench)
        assert broker.session(offer.uuid) == bench.broker().session(offer.uuid) == final

    def test_a_session_is_found_again_by_another_process(self, broker: Broker, bench: Bench) -> None:
        offer = offered(broker, bench.lasting(60))
        broker.accept(offer.uuid)
        with elsewhere(1) as processes:
            assert processes.submit(cancel_elsewhere, bench, offer.uuid).result() not in NOT_ACCEPTED
        assert wait_final(broker, offer.uuid, bench).phase == Phase.CANCELLED


def offered(broker: Broker, request: ExecutionRequest) -> Session:
    """Return the first offer for a request that gets one."""
    answer: OfferSet = broker.request_offers(request)
    assert answer.result == "YES", [message.text for message in answer.messages]
    return answer.offers[0]


def finish(broker: Broker, offer: Session, bench: Bench) -> Session:
    """Accept an offer and return its session when it has ended."""
    broker.accept(offer.uuid)
    return wait_final(broker, offer.uuid, bench)


def wait_final(broker: Broker, session: str, bench: Bench) -> Session:
    """Return the session when it has ended."""
    *_, last = follow(broker, session, bench)
    return last


def follow(broker: Broker, session: str, bench: Bench) -> Iterator[Session]:
    """Yield the session again and again, until it has ended."""
    until = time.monotonic() + bench.patience
    while True:
        found = broker.session(session)
        yield found
        if found.phase in FINAL:
            return
        assert time.monotonic() < until, (
            f"{session} is {found.phase} after {bench.patience} s: {found.messages}"
        )
        time.sleep(0.005)


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    """Return as soon as something holds; it must within so many seconds."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"it does not hold after {seconds} s"
        time.sleep(0.005)


def elsewhere(processes: int) -> ProcessPoolExecutor:
    """Return processes that share nothing with this one."""
    return ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"))


def accept_elsewhere(bench: Bench, session: str) -> str:
    """Accept, in another process."""
    return str(bench.broker().accept(session).phase)


def cancel_elsewhere(bench: Bench, session: str) -> str:
    """Cancel, in another process."""
    return str(bench.broker().cancel(session).phase)
