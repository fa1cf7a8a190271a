# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable

from eb_prefect.model.steprun import StepRun
from provenance.diff import Difference, differences, flat, record_differences
from provenance.record import make_record

RunOf = Callable[..., StepRun]


def test_items_are_named_by_what_tells_them_apart() -> None:
    document = {"data": [{"name": "a", "x": 1}, {"name": "b"}], "command": ["ls", "-l"], "none": []}
    assert flat(document) == {
        "data[a].name": "a",
        "data[a].x": 1,
        "data[b].name": "b",
        "command[0]": "ls",
        "command[1]": "-l",
        "none": [],
    }


def test_the_order_of_named_items_is_no_difference() -> None:
    one = {"data": [{"name": "a", "at": 1}, {"name": "b", "at": 2}]}
    other = {"data": [{"name": "b", "at": 2}, {"name": "a", "at": 1}]}
    assert differences(one, other) == ()


def test_what_changed_came_and_went_is_told() -> None:
    found = differences({"a": 1, "b": 2}, {"a": 3, "c": None})
    assert found == (Difference("a", 1, 3), Difference("b", 2, None), Difference("c", None, None))
    assert str(found[0]) == "a: 1 -> 3"
    assert str(found[1]) == "b: 2 -> (nothing)"


def test_items_of_the_same_name_are_counted() -> None:
    assert set(flat([{"name": "a"}, {"name": "a"}])) == {"[0].name", "[1].name"}


def test_two_runs_of_one_step_do_not_differ(run_of: RunOf) -> None:
    one, other = make_record(run_of()), make_record(run_of())
    assert one.digest != other.digest
    assert record_differences(one.neutral(), other.neutral()) == ()


def test_two_runs_differ_in_what_was_asked(run_of: RunOf) -> None:
    one, other = (make_record(run_of(environment={"SIGMA": sigma})) for sigma in "35")
    found = record_differences(one.neutral(), other.neutral())
    assert Difference("request.executable.environment.SIGMA", "3", "5") in found
    assert len(found) == 1
