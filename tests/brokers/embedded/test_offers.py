# SPDX-License-Identifier: Apache-2.0
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from eb_prefect.brokers.embedded.expiry import remove_expired
from eb_prefect.errors import UnknownSessionError
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.testing.contract import finish, offered
from tests.brokers.embedded.bench import EmbeddedBench, program, reasons, storage, volume

CORES = len(os.sched_getaffinity(0))
GIBIBYTES = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30


def amounts(bench: EmbeddedBench, **compute: object) -> list[tuple[int, int]]:
    """Return cores and memory of each offer; both have one value, what is really given."""
    offers = bench.broker().request_offers(program("true", compute=compute)).offers
    assert all(offer.compute.cores.min == offer.compute.cores.max for offer in offers)
    assert all(offer.compute.memory.min == offer.compute.memory.max for offer in offers)
    return [(offer.compute.cores.max, offer.compute.memory.max) for offer in offers]


def test_without_a_word_it_is_one_core_and_its_share_of_the_memory(bench: EmbeddedBench) -> None:
    assert amounts(bench) == [(1, max(GIBIBYTES // CORES, 1))]


def test_a_range_is_offered_at_its_most_and_at_its_least(bench: EmbeddedBench) -> None:
    assert amounts(bench, memory={"min": 1, "max": 2}) == [(1, 2), (1, 1)]


@pytest.mark.skipif(CORES < 2, reason="a machine of one core has no range of cores")
def test_no_more_is_offered_than_there_is(bench: EmbeddedBench) -> None:
    most = {"min": 1, "max": 100_000}
    assert amounts(bench, cores=most, memory=most) == [(CORES, GIBIBYTES), (1, 1)]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (program("true", compute={"cores": {"min": 100_000}}), ["100000 cores", f"has {CORES}"]),
        (program("true", compute={"memory": {"min": 999_999}}), ["999999 GiB", f"has {GIBIBYTES}"]),
        (program("true", storage=[storage("room", size={"min": 9_999_999})]), ["9999999 GiB", "are free"]),
        (program("true", storage=[{"kind": "storage/tape", "name": "room"}]), ["storage/tape"]),
        (program("true", compute={"kind": "compute/quantum"}), ["compute/quantum"]),
        (ExecutionRequest.model_validate({"executable": {"kind": "executable/spell"}}), ["executable/spell"]),
        (ExecutionRequest(), ["executable: is missing"]),
    ],
)
def test_what_can_not_be_met_is_told_with_what_there_is(
    bench: EmbeddedBench, request_: ExecutionRequest, said: list[str]
) -> None:
    told = reasons(bench, request_)
    assert [part for part in said if part not in told] == []


def test_all_reasons_are_told_at_once(bench: EmbeddedBench) -> None:
    request = program(
        "no-such-program",
        compute={"cores": {"min": 100_000}, "volumes": [volume("/sys", "nothing")]},
        storage=[{"kind": "storage/tape", "name": "room"}],
    )
    told = reasons(bench, request).splitlines()
    assert len(told) == 5
    assert len(set(told)) == 5


def test_what_the_request_says_comes_back_in_the_offer(bench: EmbeddedBench) -> None:
    request = program("sh", "-c", "true", environment={"SIGMA": "3"}, name="smooth")
    offer = offered(bench.broker(), request)
    assert offer.name == "smooth-offer-0"
    assert (offer.executable.command, offer.executable.environment) == (("sh", "-c", "true"), {"SIGMA": "3"})


def test_offers_last_five_minutes(bench: EmbeddedBench) -> None:
    left = offered(bench.broker(), bench.succeeding()).expires - datetime.now(UTC)
    assert timedelta(minutes=4, seconds=50) < left <= timedelta(minutes=5)


def test_old_offers_are_removed_and_sessions_stay(bench: EmbeddedBench) -> None:
    broker = bench.broker()
    ignored, taken = (offered(broker, bench.succeeding()) for _ in range(2))
    finish(broker, taken, bench)
    remove_expired(bench.home, datetime.now(UTC) + timedelta(hours=3))
    assert not bench.directory(ignored.uuid).exists()
    with pytest.raises(UnknownSessionError):
        broker.session(ignored.uuid)
    assert broker.session(taken.uuid).phase == Phase.COMPLETED


def test_many_may_remove_old_offers_at_the_same_time(bench: EmbeddedBench) -> None:
    broker, later = bench.broker(), datetime.now(UTC) + timedelta(hours=3)
    ignored = [offered(broker, bench.succeeding()) for _ in range(40)]
    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(remove_expired, bench.home, later) for _ in range(8)]:
            done.result()
    assert not any(bench.directory(offer.uuid).exists() for offer in ignored)
    assert not [*(bench.home / "offers").iterdir()]


def test_what_a_kill_left_of_an_old_offer_is_removed(bench: EmbeddedBench) -> None:
    offer = offered(bench.broker(), bench.succeeding())
    left = bench.directory(offer.uuid).with_name(f".{offer.uuid}")
    bench.directory(offer.uuid).rename(left)
    remove_expired(bench.home, datetime.now(UTC) + timedelta(hours=3))
    assert not left.exists()


def test_nobody_else_can_read_what_a_session_was_given(bench: EmbeddedBench) -> None:
    offer = offered(bench.broker(), program("true", environment={"TOKEN": "secret"}))
    assert bench.directory(offer.uuid).stat().st_mode & 0o077 == 0
    assert (bench.home / "sessions").stat().st_mode & 0o077 == 0
