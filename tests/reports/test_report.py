# SPDX-License-Identifier: Apache-2.0
import re
from typing import Any

import pytest

from eb_prefect.reports.report import More, report
from tests.reports.values import story

SECRET = "swordfish-1234"


def rows(text: str) -> list[str]:
    return [re.sub(r" +", " ", line) for line in text.splitlines() if line.startswith("|")]


def test_it_tells_what_was_asked_and_used() -> None:
    outcome = {
        "exit_code": 0,
        "started": "2026-11-29T12:00:30Z",
        "ended": "2026-11-29T12:01:10Z",
        "cpu_seconds": 60,
        "peak_memory": 3 << 30,
        "energy": 7200,
        "carbon": 0.5,
        "nodes": ["n1"],
        "site": "SPSRC",
    }
    given = {"outcome": outcome, "compute": {"cores": {"min": 2}, "memory": {"min": 8}}}
    told = rows(report(story(session=given)))
    for line in (
        "| cores | 2 | 2 | 1.5 busy |",
        "| memory | 4 GiB | 8 GiB | 3.0 GiB at most |",
        "| time | | | 40.0 s |",
        "| energy | | | 7.2e+03 J (2 Wh) |",
        "| CO2 | | | 0.5 g |",
        "| session | [6f0e](https://broker.example/eb/sessions/6f0e) | node n1, site SPSRC |",
    ):
        assert line in told


def test_it_tells_what_the_chosen_offer_costs() -> None:
    cost = {"type": "urn:ivoa:calycopis:cost:monetary", "min": 0.1, "max": 0.2, "description": "EUR"}
    offers = {
        "result": "YES",
        "offers": [
            {"uuid": "other", "phase": "OFFERED", "costs": [{**cost, "max": 9}]},
            {"uuid": "6f0e", "phase": "OFFERED", "costs": [cost]},
        ],
    }
    assert "| monetary | 0.1 to 0.2 | EUR |" in rows(report(story(offers=offers)))


def test_it_says_why_a_step_failed() -> None:
    given = {"phase": "FAILED", "messages": [{"level": "ERROR", "message": "no <b>disk</b>"}]}
    text = report(story(session=given))
    assert "## smooth: FAILED" in text
    assert r"- no \<b\>disk\</b\>" in text


def test_a_cancelled_step_says_so_even_if_the_broker_does_not() -> None:
    assert "the broker does not say" in report(story(session={"phase": "CANCELLED"}))


def test_it_links_products_and_what_is_open() -> None:
    product = {
        "name": "m31.fits",
        "location": "https://broker.example/eb/p/m31.fits",
        "size": 2048,
        "checksum": {"type": "sha-256", "value": "ab" * 32},
    }
    connector = {
        "kind": "urn:x:connector/jupyter",
        "status": "AVAILABLE",
        "location": "https://hub.example/lab?token=abc",
    }
    told = rows(report(story(session={"products": [product], "connectors": [connector]})))
    digest = "ab" * 32
    assert f"| [m31.fits](https://broker.example/eb/p/m31.fits) | 2.0 KiB | sha-256 `{digest}` |" in told
    assert "| jupyter | [https://hub.example/lab](https://hub.example/lab) | AVAILABLE |" in told


@pytest.mark.parametrize(
    "given",
    [
        {"request": {"executable": {"command": ["x"], "environment": {"API_TOKEN": SECRET}}}},
        {"request": {"executable": {"command": ["x", f"--password={SECRET}"]}}},
        {"request": {"data": [{"name": "d", "location": f"https://u:{SECRET}@h.example/d"}]}},
        {"request": {"data": [{"name": "d", "location": f"https://h.example/d?sig={SECRET}"}]}},
        {"session": {"phase": "FAILED", "messages": [{"message": f"Authorization: Bearer {SECRET}"}]}},
        {"session": {"connectors": [{"kind": "c", "location": f"https://h.example/?token={SECRET}"}]}},
        {"session": {"connectors": [{"kind": "c", "location": f"https://h.example/#{SECRET}"}]}},
        {"session": {"url": f"https://h.example/?x={SECRET}"}},
    ],
)
def test_it_holds_no_secret(given: dict[str, Any]) -> None:
    assert SECRET not in report(story(**given))


def test_what_strangers_say_stays_in_its_place() -> None:
    evil = "x\n\n# head\n<script>alert(1)</script> [a](javascript:b) | `c` ![p](http://x/y.png)"
    session = {
        "phase": "FAILED",
        "messages": [{"message": evil}],
        "products": [{"name": evil, "location": evil}],
        "connectors": [{"kind": evil, "location": f"http://h.example/{evil}", "status": evil}],
        "outcome": {"state": evil, "nodes": [evil], "codes": {evil: 1}},
    }
    request = {"executable": {"kind": evil, "command": [evil], "environment": {evil: evil}}}
    text = report(story(name=evil, session=session, request=request))
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)<", outside)
    assert "\n# head" not in text
    assert re.findall(r"(?<!\\)!\[", outside) == ["!["]  # the timeline
    assert "javascript:" not in re.findall(r"\]\(([^)]*)\)", outside)


def test_very_many_products_are_counted() -> None:
    products = [{"name": f"p{n}", "location": "file:///x"} for n in range(1000)]
    text = report(story(session={"products": products}))
    assert "| and 960 more | | |" in rows(text)


def test_others_add_what_they_know() -> None:
    text = report(story(), More(sections=("### Record\n\nhere",), commands=("eb show x",)))
    assert "### Record" in text
    assert "```\neb show x\neb session 6f0e --broker https://broker.example/eb\n" in text


def test_a_session_taken_over_without_phases_has_a_report() -> None:
    assert "## smooth: COMPLETED" in report(story(changes=()))
