# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime
from typing import Any

import pytest

from eb_prefect.brokers.slurm.slurmrestd.complaints import complaints, words
from eb_prefect.brokers.slurm.slurmrestd.interface import Interface, NotSayableError
from eb_prefect.brokers.slurm.slurmrestd.options import UnknownOptionError, properties
from eb_prefect.brokers.slurm.slurmrestd.tasks import Place, by_handle, numbers
from eb_prefect.brokers.slurm.slurmrestd.tokens import end_of
from eb_prefect.brokers.slurm.slurmrestd.values import Code, code, instant, number, state


def given(value: int) -> dict[str, Any]:
    return {"set": True, "infinite": False, "number": value}


UNSET = {"set": False, "infinite": False, "number": 0}
INFINITE = {"set": False, "infinite": True, "number": 0}
KILLED = {"status": ["SIGNALED"], "return_code": UNSET, "signal": {"id": given(9), "name": "KILL"}}
FORMER = {"status": "SIGNALED", "return_code": 0, "signal": {"signal_id": 15, "name": "TERM"}}
ENDED = {"status": ["ERROR"], "return_code": given(3), "signal": {"id": UNSET, "name": ""}}


@pytest.mark.parametrize(
    ("written", "read"), [(7, 7), (given(7), 7), (UNSET, None), (INFINITE, None), (None, None), ("x", None)]
)
def test_a_number_is_read_in_every_way_it_is_written(written: Any, read: int | None) -> None:
    assert number(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (0, Code(0)),
        (768, Code(3)),
        (9, Code(None, 9)),
        (15, Code(None, 15)),
        (253, Code()),
        (-2, Code()),
        (4294967294, Code()),
        (given(768), Code(3)),
        (ENDED, Code(3)),
        (KILLED, Code(None, 9)),
        (FORMER, Code(None, 15)),
        (None, Code()),
    ],
)
def test_an_end_is_read_in_every_way_it_is_written(written: Any, read: Code) -> None:
    assert code(written) == read


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("RUNNING", "RUNNING"),
        (["FAILED"], "FAILED"),
        (["FAILED", "COMPLETING"], "COMPLETING"),
        (["RUNNING", "CONFIGURING"], "CONFIGURING"),
        ([], ""),
    ],
)
def test_a_state_is_the_word_that_squeue_has_for_it(written: Any, word: str) -> None:
    assert state(written) == word


def test_a_time_that_has_not_come_is_none() -> None:
    assert (instant(0), instant(UNSET)) == (None, None)
    assert instant(given(86400)) == datetime(1970, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("listed", "has", "has_not"),
    [
        ("0-2,7", {0, 1, 2, 7}, {3, 8}),
        ("3%4", {3}, {4}),
        ("0-9:4", {0, 4, 8}, {2, 9}),
        ("1,3,5,...", {1, 3, 5, 6, 700}, {0, 2, 4}),
        ("...", {0, 1, 2}, set()),
        ("0-99999999999", {0, 5}, set()),
    ],
)
def test_a_list_of_tasks_is_exact_up_to_where_it_is_cut_off(
    listed: str, has: set[int], has_not: set[int]
) -> None:
    assert {number for number in has | has_not if numbers(listed).has(number)} == has


def test_a_record_of_its_own_comes_before_one_in_common() -> None:
    placed = [(Place("5", None, "0-9"), "waits"), (Place("5", 3), "runs"), (Place("6"), "alone")]
    found = by_handle(["5_3", "5_4", "5_12", "6", "7"], placed)
    assert found == {"5_3": "runs", "5_4": "waits", "6": "alone"}


def test_options_are_read_in_every_way_that_sbatch_reads_them() -> None:
    read = properties(["--qos=short", "--account", "ska", "-Cssd", "-x", "n1", "--hold"])
    assert read == {
        "qos": "short",
        "account": "ska",
        "constraints": "ssd",
        "excluded_nodes": "n1",
        "hold": True,
    }


@pytest.mark.parametrize("option", ["--array=1-3", "-N2", "--wrap=x", "plain", "-"])
def test_an_option_without_a_property_is_named(option: str) -> None:
    with pytest.raises(UnknownOptionError):
        properties([option])


def test_a_property_is_written_in_the_shape_of_the_version() -> None:
    shapes = {"environment": "array", "memory_per_node": "object", "nice": "integer", "script": "string"}
    interface = Interface(42, shapes, has_books=True, cancels_many=True)
    job = interface.body("#!/bin/sh", {"environment": {"A": "b"}, "memory_per_node": 5, "nice": "3"})["job"]
    assert job == {"environment": ["A=b"], "memory_per_node": given(5), "nice": 3, "script": "#!/bin/sh"}
    with pytest.raises(NotSayableError, match="nice=much"):
        interface.body("", {"nice": "much"})


def test_a_complaint_can_not_command_a_terminal() -> None:
    found = complaints({"errors": [{"error": "bad \x1b[2J", "errno": -1}, "what", {"error_code": 7}]})
    assert words(found) == "bad  [2J; error 7"
    assert [complaint.code for complaint in found] == [-1, 7]


@pytest.mark.parametrize("token", ["", "a.b.c", "a.e30.c", "a.bnVsbA.c", "opaque"])
def test_a_token_that_does_not_tell_its_end_has_none(token: str) -> None:
    assert end_of(token) == float("inf")
