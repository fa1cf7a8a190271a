# SPDX-License-Identifier: Apache-2.0
from xml.etree import ElementTree as ET

import pytest

from eb_prefect.reports.spans import lasted
from eb_prefect.reports.timeline import timeline
from tests.reports.values import PHASES, changes

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(picture).iter(f"{SVG}text")]


def test_a_phase_lasts_until_the_next_is_seen() -> None:
    phases = lasted(changes(*PHASES))
    assert [(one.phase, one.seconds) for one in phases[3:]] == [("RUNNING", 45.0), ("COMPLETED", None)]
    assert phases[3].doubt == 0.25


def test_what_may_be_either_of_two_phases_is_pale() -> None:
    running = lasted(changes(*PHASES, doubt=10))[3]
    assert running.end is not None
    assert running.until is not None
    assert (running.end - running.until).total_seconds() == 10


def test_each_phase_has_a_line_with_how_long_it_lasted() -> None:
    told = texts(timeline(lasted(changes(*PHASES)), "smooth"))
    assert told[-9:] == [
        *("OFFERED", "0.50 s", "ACCEPTED", "1.50 s", "PREPARING", "28.0 s", "RUNNING", "45.0 s"),
        "COMPLETED",
    ]


@pytest.mark.parametrize("seconds", [0, 1e-6, 0.04, 3, 59, 4000, 1e6, 3e8])
def test_the_axis_has_a_few_marks_however_long_it_is(seconds: float) -> None:
    picture = timeline(lasted(changes((0, "RUNNING"), (seconds, "COMPLETED"))), "x")
    marks = [each for each in ET.fromstring(picture).iter(f"{SVG}text") if each.get("font-size") == "11"]
    assert 1 <= len(marks) <= 8


def test_nothing_is_drawn_beyond_the_picture() -> None:
    picture = ET.fromstring(timeline(lasted(changes(*PHASES)), "x"))
    for each in picture.iter(f"{SVG}rect"):
        assert float(each.get("x", 0)) + float(each.get("width", 0)) <= 860


def test_a_phase_that_nobody_knows_is_text() -> None:
    assert "<b>&" in texts(timeline(lasted(changes((0, "<b>&"), (1, "COMPLETED"))), "<t>"))


def test_of_very_many_phases_the_first_and_last_are_drawn() -> None:
    many = [(float(n), "WAITING") for n in range(500)]
    told = texts(timeline(lasted(changes((-1, "OFFERED"), *many, (500, "COMPLETED"))), "x"))
    assert "OFFERED" in told
    assert "COMPLETED" in told
    assert len(told) < 80
