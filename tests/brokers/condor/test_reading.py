# SPDX-License-Identifier: Apache-2.0
"""Ads are as a schedd of HTCondor 23.9 gave them, without what is not read."""

from datetime import UTC, datetime
from typing import Any

import pytest

from eb_prefect.brokers.condor.reading import account, seen
from eb_prefect.model.phase import Phase

ENDED = {
    "ClusterId": 1,
    "ProcId": 2,
    "JobStatus": 4,
    "ExitBySignal": False,
    "ExitCode": 3,
    "JobCurrentStartDate": 1795524235,
    "CompletionDate": 1795524241,
    "EnteredCurrentStatus": 1795524241,
    "LastRemoteHost": "slot1_3@node7.pool",
    "RemoteUserCpu": 5.0,
    "RemoteSysCpu": 1.0,
    "ResidentSetSize_RAW": 4484,
    "BlockReadKbytes": 10,
    "BlockWriteKbytes": 0,
}
REMOVED = (
    "The job attribute PeriodicRemove expression '(JobStatus == 5 && HoldReasonCode != 1)' evaluated to TRUE"
)


def test_all_that_is_on_the_books_is_told() -> None:
    book = account(ENDED)
    assert (book.phase, book.exit_code, book.signal, book.nodes) == (Phase.FAILED, 3, None, ("node7.pool",))
    assert book.started == datetime(2026, 11, 24, 12, 43, 55, tzinfo=UTC)
    assert book.ended == datetime(2026, 11, 24, 12, 44, 1, tzinfo=UTC)
    assert (book.cpu_seconds, book.peak_memory, book.read_bytes) == (6.0, 4484 * 1024, 10 * 1024)


def test_what_a_pool_does_not_measure_is_not_0() -> None:
    book = account({**ENDED, "RemoteUserCpu": 0.0, "RemoteSysCpu": 0.0, "ResidentSetSize_RAW": 0})
    assert (book.cpu_seconds, book.peak_memory, book.written_bytes, book.energy) == (None, None, None, None)


def test_what_never_ran_has_no_start() -> None:
    book = account({"ClusterId": 1, "ProcId": 0, "JobStatus": 3, "EnteredCurrentStatus": 1795524241})
    assert (book.phase, book.started, book.exit_code, book.nodes) == (Phase.CANCELLED, None, None, ())
    assert book.ended is not None


@pytest.mark.parametrize(
    ("ad", "is_queued", "phase"),
    [
        ({"JobStatus": 1}, True, Phase.WAITING),
        ({"JobStatus": 2, "TransferringInput": True}, True, Phase.PREPARING),
        ({"JobStatus": 2}, True, Phase.RUNNING),
        ({"JobStatus": 3}, True, Phase.RELEASING),
        ({"JobStatus": 3}, False, Phase.CANCELLED),
        ({"JobStatus": 3, "RemoveReason": REMOVED}, False, Phase.FAILED),
        ({"JobStatus": 4, "ExitCode": 0}, False, Phase.COMPLETED),
        ({"JobStatus": 4, "ExitBySignal": True, "ExitSignal": 9}, False, Phase.FAILED),
        ({"JobStatus": 5, "HoldReasonCode": 1}, True, Phase.WAITING),
        ({"JobStatus": 5, "HoldReasonCode": 6}, True, Phase.FAILED),
        ({"JobStatus": 6}, True, Phase.RELEASING),
        ({"JobStatus": 7}, True, Phase.RUNNING),
        ({"JobStatus": 8}, True, Phase.WAITING),
    ],
)
def test_phases_are_those_of_the_map(ad: dict[str, Any], *, is_queued: bool, phase: Phase) -> None:
    assert seen(ad, is_queued=is_queued).phase == phase
